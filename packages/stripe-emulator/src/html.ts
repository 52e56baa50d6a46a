/** Markup that is safe to send. Everything else that goes into it is text, and escaped. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

type Part = Html | string | number | null | false | readonly Html[];

/** `html\`<p>${name}</p>\``: what is not markup itself is escaped. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.map((text, index) => text + markupOf(parts[index] ?? null)).join(''));
}

interface Page {
  readonly title: string;
  readonly body: Html;
  /** The target of the link back. */
  readonly back?: { readonly href: string; readonly label: string } | null;
}

/** A whole page. */
export function page({ title, body, back = null }: Page): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${new Html(CSS)}
        </style>
      </head>
      <body>
        <header>
          <p class="brand">Tollgate <span class="mode">Stripe emulator: no real money moves</span></p>
        </header>
        <main>
          <h1>${title}</h1>
          ${body}
          ${isSafe(back?.href) && html`<p><a class="back" href="${back?.href ?? ''}">${back?.label ?? ''}</a></p>`}
        </main>
      </body>
    </html> `.markup;
}

/** A message that assistive technology reads out. */
export function notice(text: string | null): Html {
  return text === null ? html`` : html`<p class="notice" role="alert">${text}</p>`;
}

/** A day as people write it. */
export function formatDay(seconds: number): string {
  const format = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
  return format.format(new Date(seconds * 1000));
}

/** A moment as people write it, in UTC. */
export function formatInstant(seconds: number): string {
  return `${formatDay(seconds)}, ${new Date(seconds * 1000).toISOString().slice(11, 16)} UTC`;
}

/** An address from outside may be followed only if it is one of the web: `javascript:` is none. */
export function isSafe(href: string | null | undefined): href is string {
  const protocol = URL.parse(href ?? '')?.protocol;
  return protocol === 'http:' || protocol === 'https:';
}

function markupOf(part: Part): string {
  if (part === null || part === false) return '';
  if (part instanceof Html) return part.markup;
  if (typeof part === 'object') return part.map((each) => each.markup).join('');
  return String(part)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

const CSS = `
:root { color-scheme: light dark; --ink: #1a1f36; --soft: #4f566b; --line: #d8dee9; --paper: #fff; --ground: #f6f8fa; --accent: #4b45c6; --on: #fff; --warn: #a3000e; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceff6; --soft: #b3bccd; --line: #3a4258; --paper: #1c2233; --ground: #121624; --accent: #a9a5ff; --on: #14172a; --warn: #ff9aa2; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
header, main { max-width: 44rem; margin: 0 auto; padding: 1rem; }
.brand { margin: .5rem 0 0; font-weight: 700; }
.mode { margin-left: .5rem; padding: .1rem .5rem; border: 1px solid var(--line); border-radius: 1rem; color: var(--soft); font-size: .8rem; font-weight: 400; }
h1 { font-size: 1.6rem; margin: .5rem 0 1rem; }
h2 { font-size: 1.15rem; margin: 0 0 .75rem; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: .6rem; padding: 1.25rem; margin: 0 0 1rem; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; color: var(--soft); padding-bottom: .5rem; }
th, td { text-align: left; padding: .45rem .25rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.amount, th.amount { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tfoot th, tfoot td { border-bottom: 0; font-weight: 700; }
fieldset { border: 1px solid var(--line); border-radius: .4rem; margin: 0 0 1rem; padding: .75rem 1rem; }
label { display: block; padding: .25rem 0; }
label small { display: block; color: var(--soft); margin-left: 1.6rem; }
input[type=number], input[type=email], input[type=text], select { display: block; width: 100%; max-width: 20rem; padding: .5rem; font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--soft); border-radius: .3rem; }
button { font: inherit; font-weight: 600; padding: .6rem 1.1rem; border: 1px solid var(--accent); border-radius: .4rem; background: var(--accent); color: var(--on); cursor: pointer; }
button.quiet { background: transparent; color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
a { color: var(--accent); }
.notice { border-left: .3rem solid var(--warn); background: var(--paper); color: var(--warn); padding: .75rem 1rem; font-weight: 600; }
.row { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; }
.row form { margin: 0; }
`;
