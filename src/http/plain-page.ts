/** Small pages without scripts, for people who come from a mail: a sentence or two, and perhaps a button. */
import { createHash } from 'node:crypto';
import helmet from '@fastify/helmet';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { answer } from './answers.ts';

const STYLE = `body{margin:0 auto;max-width:40rem;padding:2rem 1rem;background:#fff;color:#1b1b1f;font:1rem/1.5 system-ui,sans-serif}
h1{font-size:1.25rem}button{font:inherit;padding:.5rem 1rem;border:1px solid #0b4fb3;border-radius:6px;background:#0b4fb3;color:#fff;cursor:pointer}
a{color:#0b4fb3}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.5rem;border-bottom:1px solid #d0d0d7;vertical-align:top}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:.875rem/1.5 ui-monospace,monospace}iframe{width:100%;height:36rem;border:1px solid #d0d0d7}`;
const STYLE_HASH = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

/** Headers of every page of this plugin: nothing is loaded, and no page elsewhere frames it. */
export async function registerPageHeaders(
  app: FastifyInstance,
  { frames = false }: { readonly frames?: boolean } = {},
): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: [STYLE_HASH],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        ...(frames && { frameSrc: ["'self'"] }),
      },
    },
    // The address holds a token, which no other site may see. Without any referrer, browsers would not say whose form it is.
    referrerPolicy: { policy: 'same-origin' },
    // The proxy says if there is TLS in front.
    strictTransportSecurity: false,
  });
}

/** One page. `body` is HTML, whose texts went through `escapeText`. */
export function answerPage(
  reply: FastifyReply,
  status: number,
  { title, body }: { readonly title: string; readonly body: string },
): FastifyReply {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeText(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeText(title)}</h1>
${body}
</main>
</body>
</html>
`;
  return answer(reply, status, 'text/html; charset=utf-8', html);
}

/** Text as HTML shows it, also within an attribute. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
