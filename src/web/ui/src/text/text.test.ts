// The dictionaries hold together, nothing in them is unused, and the Cyrillic is as people spell.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { toCyrillic } from './cyrillic.ts'
import { en } from './en.ts'
import { load, type Dictionary, type Plural } from './index.ts'
import { ru } from './ru.ts'
import { uz } from './uz.ts'

const holes = (text: string): string[] => [...text.matchAll(/\{([a-z_]+)\}/g)].map((hole) => hole[1] ?? '').sort()
const forms = (text: string | Plural): string[] => (typeof text === 'string' ? [text] : Object.values(text))

describe('dictionaries', () => {
  for (const [name, texts] of [['ru', ru], ['en', en]] as const) {
    it(`${name} has the holes of the Uzbek texts`, () => {
      for (const [key, text] of Object.entries(uz)) {
        const wanted = holes(forms(text)[0] ?? '')
        for (const form of forms((texts as Dictionary)[key as keyof Dictionary])) {
          expect(holes(form), `${name}.${key}`).toEqual(wanted)
        }
      }
    })

    it(`${name} has every plural form its language asks for`, () => {
      const wanted = new Intl.PluralRules(name).resolvedOptions().pluralCategories
      for (const [key, text] of Object.entries(texts as Dictionary)) {
        if (typeof text === 'string') continue
        for (const form of wanted) expect(text[form], `${name}.${key}.${form}`).toBeTypeOf('string')
      }
    })
  }

  it('Uzbek is written with U+02BB and U+02BC, not with quotation marks', () => {
    for (const [key, text] of Object.entries(uz)) {
      for (const form of forms(text)) {
        expect(form, key).not.toMatch(/\p{L}['‘’`]\p{L}|[og]['‘’`]/iu)
        expect(form, key).not.toMatch(/[og]\u02BC/i)
      }
    }
  })

  it('months are twelve in every language', async () => {
    for (const language of ['uz', 'uz-Cyrl', 'ru', 'en'] as const) {
      expect((await load(language)).months.split(' ')).toHaveLength(12)
    }
  })

  it('holds no text that no page shows', () => {
    const source = files('src').map((file) => readFileSync(file, 'utf8')).join('\n')
    const said = new Set([...source.matchAll(/\b(?:t|plural)\(\s*'([^']+)'/g)].map((match) => match[1]))
    const families = [...source.matchAll(/\b(?:word|sign)\(\s*'([^']+)'/g)].map((match) => `${match[1]}_`)
    const unused = Object.keys(uz).filter(
      (key) => !said.has(key) && !families.some((family) => key.startsWith(family)),
    )
    expect(unused).toEqual([])
  })
})

describe('Cyrillic', () => {
  const golden: readonly (readonly [string, string])[] = [
    ['Oʻtkazib yuborilgan qoʻngʻiroqlar', 'Ўтказиб юборилган қўнғироқлар'],
    ['Tanaffus', 'Танаффус'],
    ['Tayyor', 'Тайёр'],
    ['Eng uzoq kutish', 'Энг узоқ кутиш'],
    ['Telefon roʻyxatda emas', 'Телефон рўйхатда эмас'],
    ['Jiringlamoqda', 'Жирингламоқда'],
    ['Suhbatda', 'Суҳбатда'],
    ['yoʻnaltirish', 'йўналтириш'],
    ['Yoʻnalish', 'Йўналиш'],
    ['maʼlum emas', 'маълум эмас'],
    ['meʼyordan', 'меъёрдан'],
    ['soʻng yeting', 'сўнг етинг'],
    ['Yopish va yakunlash', 'Ёпиш ва якунлаш'],
    ['22-noyabr, sentabrgacha', '22-ноябрь, сентябргача'],
    ['Yangi parolni kiriting', 'Янги паролни киритинг'],
    ['litsenziya yoʻq', 'лицензия йўқ'],
    ['SMS va HTTPS', 'SMS ва HTTPS'],
    ['{name} javob berdi', '{name} жавоб берди'],
    ['[queue.…] boʻlimi, F4', '[queue.…] бўлими, F4'],
    ['SHOSHILING', 'ШОШИЛИНГ'],
    ['eʼtibor', 'эътибор'],
    ['aloqa poyezd', 'алоқа поезд'],
  ]
  for (const [latin, cyrillic] of golden) {
    it(latin, () => expect(toCyrillic(latin)).toBe(cyrillic))
  }

  it('leaves no Latin letter behind but in names and holes', async () => {
    const texts = await load('uz-Cyrl')
    const names = /SIP|CRM\p{L}*|HTTPS|SMS|TV|navbat|queue|operator/gu
    for (const [key, text] of Object.entries(texts)) {
      for (const form of forms(text)) {
        const rest = form.replace(/\{[a-z_]+\}|\[[^\]]*\]|F\d+/g, '').replace(names, '')
        expect(rest, key).not.toMatch(/[a-z]/i)
      }
    }
  })
})

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return files(path)
    const isPage = /\.tsx?$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name)
    return isPage && !path.includes(join('text', 'uz')) && !/text\/(ru|en)\.ts$/.test(path) ? [path] : []
  })
}
