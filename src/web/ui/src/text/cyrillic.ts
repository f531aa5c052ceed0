// Uzbek Latin to Uzbek Cyrillic, so that one Uzbek dictionary is kept by hand, not two.
// Order matters: longer spellings before their parts, oʻ before yo.

/** Words that the rules would spell wrongly, or that stay as they are. Compared in lower case. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  yanvar: 'январь',
  fevral: 'февраль',
  aprel: 'апрель',
  iyun: 'июнь',
  iyul: 'июль',
  sentabr: 'сентябрь',
  oktabr: 'октябрь',
  noyabr: 'ноябрь',
  dekabr: 'декабрь',
  parol: 'пароль',
  panel: 'панель',
  paneli: 'панели',
  litsenziya: 'лицензия',
  sms: 'SMS',
  crm: 'CRM',
  crmga: 'CRMга',
  https: 'HTTPS',
  tv: 'TV',
}

/** Words starting with these have a part that is spelt otherwise; the ending follows the rules. */
const STEMS: readonly (readonly [string, string])[] = [
  ['yanvar', 'январ'],
  ['fevral', 'феврал'],
  ['aprel', 'апрел'],
  ['iyun', 'июн'],
  ['iyul', 'июл'],
  ['sentabr', 'сентябр'],
  ['oktabr', 'октябр'],
  ['noyabr', 'ноябр'],
  ['dekabr', 'декабр'],
  ['parol', 'парол'],
  ['filtr', 'фильтр'],
  ['litsenziya', 'лицензия'],
]

/** Two letters that are one sound come first, then single letters. */
const PAIRS: Readonly<Record<string, string>> = {
  'oʻ': 'ў',
  'gʻ': 'ғ',
  sh: 'ш',
  ch: 'ч',
  yo: 'ё',
  yu: 'ю',
  ya: 'я',
  ye: 'е',
}

const LETTERS: Readonly<Record<string, string>> = {
  a: 'а', b: 'б', d: 'д', e: 'е', f: 'ф', g: 'г', h: 'ҳ', i: 'и', j: 'ж', k: 'к', l: 'л',
  m: 'м', n: 'н', o: 'о', p: 'п', q: 'қ', r: 'р', s: 'с', t: 'т', u: 'у', v: 'в', x: 'х',
  y: 'й', z: 'з', w: 'в', c: 'к', 'ʼ': 'ъ',
} // prettier-ignore

const VOWELS = 'aeiouʻ'
const WORD = /[A-Za-zʻʼ]+/g
const KEPT = /\{[a-z_]+\}|\[[^\]]*\]|F\d+/g

/** Writes a text in Cyrillic. Placeholders like `{name}` and names of keys stay as they are. */
export function toCyrillic(text: string): string {
  const kept = [...text.matchAll(KEPT)]
  const parts = text.split(KEPT)
  return parts.map((part, at) => part.replace(WORD, word) + (kept[at]?.[0] ?? '')).join('')
}

function word(latin: string): string {
  const lower = latin.toLowerCase()
  const exception = EXCEPTIONS[lower]
  if (exception !== undefined) return like(latin, exception)
  for (const [stem, cyrillic] of STEMS) {
    if (lower.startsWith(stem) && lower !== stem) {
      return like(latin, cyrillic + letters(lower.slice(stem.length), lower.at(stem.length - 1)))
    }
  }
  return like(latin, letters(lower, undefined))
}

function letters(lower: string, before: string | undefined): string {
  let made = ''
  let last = before
  for (let at = 0; at < lower.length; ) {
    const pair = lower.slice(at, at + 2)
    const one = lower.charAt(at)
    // `yoʻ` is й and ў; a `yo` without the turned comma is ё.
    const splits = pair === 'yo' && lower.charAt(at + 2) === 'ʻ'
    const joined = splits ? undefined : PAIRS[pair]
    if (joined !== undefined) {
      made += joined
      last = pair.charAt(1)
      at += 2
      continue
    }
    const opens = last === undefined || VOWELS.includes(last)
    made += one === 'e' && opens ? 'э' : (LETTERS[one] ?? one)
    last = one
    at += 1
  }
  return made
}

/** Gives `text` the capitals of `model`: none, the first, or all of a longer word. */
function like(model: string, text: string): string {
  const first = model.charAt(0)
  if (first === first.toLowerCase()) return text
  const isLoud = model.length > 1 && model === model.toUpperCase()
  return isLoud ? text.toUpperCase() : text.charAt(0).toUpperCase() + text.slice(1)
}
