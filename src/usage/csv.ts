/** Rows as CSV (RFC 4180, UTF-8), at constant memory, harmless to spreadsheets. */
import { setImmediate } from 'node:timers/promises';
import { stringify } from 'csv-stringify/sync';

/** Text, a number of ours, an instant, or nothing. */
type Cell = string | bigint | number | Date | null;

/** The columns of a file, in order: the name of each, and its value for a row. */
export type Columns<Row> = Readonly<Record<string, (row: Row) => Cell>>;

/** Rows written before other work of this process has its turn: about two milliseconds. */
const SLICE = 125;

/**
 * The text, piece by piece: the names of the columns together with the first rows, then the others. Pages are read
 * when their rows are asked for.
 */
export async function* csvOf<Row>(
  columns: Columns<Row>,
  pages: AsyncIterable<readonly Row[]>,
): AsyncGenerator<string, void, undefined> {
  const cells = Object.values(columns);
  let text = write([Object.keys(columns)]);
  for await (const page of pages) {
    for (let from = 0; from < page.length; from += SLICE) {
      text += write(page.slice(from, from + SLICE).map((row) => cells.map((cell) => cell(row))));
      yield text;
      text = '';
      await setImmediate();
    }
  }
  if (text !== '') yield text;
}

function write(rows: Cell[][]): string {
  return stringify(rows, {
    record_delimiter: 'windows',
    cast: { string: disarm, date: (instant) => instant.toISOString() },
  });
}

/**
 * A text that a spreadsheet takes for a formula begins with one of these signs, or its full-width form, perhaps after white
 * space. (The library's own protection knows neither line feed nor white space before the sign.)
 */
const FORMULA = /^(?:\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|[\t\r\n])/;

/** Text behind a quote is text to every spreadsheet (OWASP, CSV Injection). Numbers of ours are no text and stay. */
function disarm(text: string): string {
  return FORMULA.test(text) ? `'${text}` : text;
}
