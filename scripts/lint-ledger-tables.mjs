/**
 * A lint rule: the ledger's tables have one writer. So only src/ledger/store may name them in SQL that writes. Migrations are
 * exempt: they make the tables.
 */
const TABLES = [
  'alert',
  'alert_preference_change',
  'audit_log_entry',
  'credit_account',
  'credit_grant',
  'ledger_entry',
  'meter_report',
  'reservation',
  'usage_record',
  'usage_refund',
  'usage_rollup',
  'usage_rollup_day',
  'use_counter',
];

/** Whatever may stand between a verb and its table: `only`, a schema, quotes, further tables of a TRUNCATE. */
const TABLE = String.raw`(?:only\s+)?(?:"?\w+"?\s*\.\s*)?"?(?:${TABLES.join('|')})\b`;
const WRITE = new RegExp(
  [
    String.raw`\binsert\s+into\s+${TABLE}`,
    String.raw`\bupdate\s+${TABLE}`,
    String.raw`\bdelete\s+from\s+${TABLE}`,
    String.raw`\bmerge\s+into\s+${TABLE}`,
    String.raw`\btruncate\s+(?:table\s+)?(?:[\w".]+\s*,\s*)*${TABLE}`,
    String.raw`\bcopy\s+${TABLE}[^;]*\bfrom\b`,
  ].join('|'),
  'i',
);
/** A verb at the end of a piece whose table is computed. */
const VERB = /\b(?:insert\s+into|update|delete\s+from|merge\s+into|truncate(?:\s+table)?)\s+(?:only\s+)?"?$/i;
const COMMENTS = /--[^\n]*|\/\*[\s\S]*?\*\//g;

const onlyTheStoreWrites = {
  create(context) {
    const check = (node, text) => {
      if (!WRITE.test(text.replace(COMMENTS, ' '))) return;
      context.report({
        node,
        message: 'Only src/ledger/store writes the ledger’s tables: submit a command, or open an account.',
      });
    };
    /** The text of an expression, as far as it stands there. Anything computed is a gap. */
    const textOf = (node) => {
      if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : ' ? ';
      if (node.type === 'TemplateLiteral') {
        return node.quasis
          .map(
            (quasi, index) =>
              quasi.value.cooked + (index < node.expressions.length ? textOf(node.expressions[index]) : ''),
          )
          .join('');
      }
      if (node.type === 'BinaryExpression' && node.operator === '+') return textOf(node.left) + textOf(node.right);
      return ' ? ';
    };
    const isPart = (node) =>
      node.parent?.type === 'TemplateLiteral' ||
      (node.parent?.type === 'BinaryExpression' && node.parent.operator === '+');
    const whole = (node) => {
      if (isPart(node)) return;
      const text = textOf(node);
      check(node, text);
    };
    return {
      Literal(node) {
        if (typeof node.value === 'string') whole(node);
      },
      TemplateLiteral(node) {
        whole(node);
        if (
          node.quasis
            .slice(0, -1)
            .some((quasi, index) => VERB.test(quasi.value.cooked) && textOf(node.expressions[index]) === ' ? ')
        ) {
          context.report({ node, message: 'Name the table that is written, so that it can be told whose it is.' });
        }
      },
      BinaryExpression: whole,
    };
  },
};

export default { meta: { name: 'ledger-tables' }, rules: { 'only-the-store-writes': onlyTheStoreWrites } };
