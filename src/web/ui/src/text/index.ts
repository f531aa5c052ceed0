// Texts on the screen: which language, one text, plural forms, words for the server's codes.
import { signal } from '@preact/signals'
import { toCyrillic } from './cyrillic.ts'
import { uz } from './uz.ts'

export type Language = 'uz' | 'uz-Cyrl' | 'ru' | 'en'
export const LANGUAGES: readonly (readonly [Language, string])[] = [
  ['uz', 'Oʻzbekcha'],
  ['uz-Cyrl', 'Ўзбекча'],
  ['ru', 'Русский'],
  ['en', 'English'],
]

export type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }
type Uz = typeof uz
export type Dictionary = { [K in keyof Uz]: Uz[K] extends string ? string : Plural }
type Keys<T> = { [K in keyof Uz]: Uz[K] extends T ? K : never }[keyof Uz]
export type TextKey = Keys<string>
export type PluralKey = Exclude<keyof Uz, TextKey>

/** The names in braces of a text, as the Uzbek one has them. */
type Holes<S> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Holes<Rest> : never
type Fill<S> = [Holes<S>] extends [never] ? [] : [Record<Holes<S>, string | number>]

const KEY = 'navbat.language'
const chosen = signal<{ language: Language; texts: Dictionary }>({ language: 'uz', texts: uz })

/** The language on the screen; reading it in a component redraws that on a change. */
export const language = (): Language => chosen.value.language

/** One text with its holes filled. */
export function t<K extends TextKey>(key: K, ...fill: Fill<Uz[K]>): string {
  return put(chosen.value.texts[key] as string, fill[0])
}

/** A text that counts things: `{n}` is the number, grouped. */
export function plural(key: PluralKey, n: number, fill: Record<string, string> = {}): string {
  const { texts, language } = chosen.value
  const forms: Plural = texts[key]
  const form = forms[new Intl.PluralRules(language).select(n)] ?? forms.other
  return put(form, { ...fill, n: String(n) })
}

/** The words for a code of the server; a code this version does not know is shown as it is. */
export function word(family: string, code: string, fill?: Record<string, string | number>): string {
  const texts = chosen.value.texts as Readonly<Record<string, string | Plural>>
  const text = texts[`${family}_${code}`]
  return typeof text === 'string' ? put(text, fill) : code
}

function put(text: string, fill: Readonly<Record<string, string | number>> | undefined): string {
  if (fill === undefined) return text
  return text.replace(/\{([a-z_]+)\}/g, (hole, name: string) => String(fill[name] ?? hole))
}

/** Gets the texts of a language; only Uzbek is in the first download. */
export async function load(language: Language): Promise<Dictionary> {
  switch (language) {
    case 'uz':
      return uz
    case 'uz-Cyrl':
      return inCyrillic(uz)
    case 'ru':
      return (await import('./ru.ts')).ru
    case 'en':
      return (await import('./en.ts')).en
  }
}

/** Shows the pages in `language` and remembers it on this computer. */
export async function choose(language: Language): Promise<void> {
  const texts = await load(language)
  chosen.value = { language, texts }
  document.documentElement.lang = language
  try {
    localStorage.setItem(KEY, language)
  } catch {
    // A browser without storage asks again next time.
  }
}

/** The language to begin with: the person's, else the site's, else the browser's, else Uzbek. */
export function preferred(site?: string): Language {
  let stored: string | null = null
  try {
    stored = localStorage.getItem(KEY)
  } catch {
    // No storage: go on with the next.
  }
  for (const wish of [stored, site, ...navigator.languages]) {
    const found = LANGUAGES.find(([id]) => id === wish) ?? LANGUAGES.find(([id]) => wish?.startsWith(`${id}-`))
    if (found !== undefined) return found[0]
  }
  return 'uz'
}

function inCyrillic(texts: Dictionary): Dictionary {
  const turned = Object.entries(texts).map(([key, text]) => [key, turn(text)])
  return Object.fromEntries(turned) as Dictionary
}

function turn(text: string | Plural): string | Plural {
  if (typeof text === 'string') return toCyrillic(text)
  const forms = Object.entries(text).map(([form, words]) => [form, toCyrillic(words ?? '')])
  return Object.fromEntries(forms) as Plural
}
