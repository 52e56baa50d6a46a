/** Finds what must not be in a database: every text and every bytes of every table, as a dump would have it. */
import type pg from 'pg';

/** A part of a secret that is shorter than this is found anywhere by chance. */
const SHORTEST_FORM = 16;

/** Where any of these stands, as itself, in base64 or in hexadecimal. A text is looked for as its characters too. */
export async function placesOf(secrets: readonly (string | Buffer)[], pool: pg.Pool): Promise<string[]> {
  const { rows: columns } = await pool.query<{ table_name: string; column_name: string; data_type: string }>(
    `select table_name, column_name, data_type from information_schema.columns where table_schema = 'public'`,
  );
  const forms = secrets.flatMap((secret) => (typeof secret === 'string' ? formsOfText(secret) : formsOfBytes(secret)));
  if (forms.some(({ length }) => length < SHORTEST_FORM)) throw new Error('a form is too short to look for');
  const places: string[] = [];
  for (const { table_name: table, column_name: column, data_type: type } of columns) {
    const text = type === 'bytea' ? `encode("${column}", 'hex')` : `"${column}"::text`;
    const { rows } = await pool.query<{ value: string | null }>(`select ${text} as value from "${table}"`);
    for (const { value } of rows) {
      if (value !== null && forms.some((form) => value.includes(form))) places.push(`${table}.${column}`);
    }
  }
  return places;
}

function formsOfText(secret: string): string[] {
  // Of our own keys the part behind the names: those stand in their rows, as they must.
  const decoded = Buffer.from(secret.replace(/^tg_live_/, ''), 'base64url');
  return [secret, ...formsOfBytes(Buffer.from(secret)), ...formsOfBytes(decoded)];
}

function formsOfBytes(bytes: Buffer): string[] {
  return [bytes.toString('base64'), bytes.toString('hex')];
}
