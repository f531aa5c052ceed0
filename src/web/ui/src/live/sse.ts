// Reads a stream of server-sent events from its bytes (HTML standard, section 9.2.6).
//
// The browser's own EventSource hides the comment lines by which the server proves every ten
// seconds that it lives, and the status of a refused connection. Both are needed here.

export interface Message {
  id: string
  event: string
  data: string
}

/** Makes a reader: feed it text as it comes, it calls back once per whole message. */
export function reader(heard: (message: Message) => void): (text: string) => void {
  let rest = ''
  let id = ''
  let event = ''
  let data: string[] = []

  function line(text: string): void {
    if (text === '') {
      if (data.length > 0) heard({ id, event: event || 'message', data: data.join('\n') })
      event = ''
      data = []
      return
    }
    const colon = text.indexOf(':')
    if (colon === 0) return // a comment: the server lives
    const field = colon < 0 ? text : text.slice(0, colon)
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') data.push(value)
    else if (field === 'event') event = value
    else if (field === 'id' && !value.includes('\0')) id = value
  }

  return (text) => {
    rest += text
    // A CR at the very end may be the first half of CR LF: wait for what follows.
    const lines = rest.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    lines.forEach(line)
  }
}
