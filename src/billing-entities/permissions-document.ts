/** docs/permissions.md, written from the table of who may do what. */
import { may, OPERATIONS, type Operation, type Relation, RELATIONS } from './authorization.ts';

/** The whole document. */
export function permissionsDocument(): string {
  const relations = Object.keys(RELATIONS) as Relation[];
  const operations = Object.keys(OPERATIONS) as Operation[];
  return `${[
    '# Permissions',
    '',
    'Written from `src/billing-entities/authorization.ts` by `npm run schema`; not by hand.',
    '',
    'What somebody may do to a billing entity follows from what they are to it. `viewerPermissions` answers the same, for who asks.',
    '',
    ...relations.map((relation) => `- **${relation}**: ${RELATIONS[relation]}`),
    '',
    `| operation | what it is | ${relations.join(' | ')} |`,
    `|---|---|${relations.map(() => ':-:').join('|')}|`,
    ...operations.map((operation) => {
      const cells = relations.map((relation) => (may(relation, operation) ? '✓' : ''));
      return `| \`${operation}\` | ${OPERATIONS[operation].what} | ${cells.join(' | ')} |`;
    }),
    '',
    'What exists for nobody but others is NOT_FOUND, or null in queries. What is seen and not allowed is FORBIDDEN for mutations; a field',
    'that may not be read is null, or holds only what is the caller’s own, and never nulls the rest.',
  ].join('\n')}\n`;
}
