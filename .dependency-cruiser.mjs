/** Who may import whom. `npm run check` holds every import of src, migrations and packages to it. */

/**
 * The rooms of src from the ground up: [room, what it may import besides itself, why]. A room is a folder or one of the
 * files on top; it may import nothing that its line does not name, types included. `cli` and `local` start everything, so
 * they have no line, and since no line names them, nobody imports them.
 */
const ground = ['db', 'plans', 'kernel'];
const domain = [
  ...['alerts', 'api-keys', 'credits', 'metering', 'subscriptions', 'usage'],
  ...['secrets', 'billing-entities', 'ledger', ...ground],
];
/** @type {[string, string[], string][]} */
const rooms = [
  ['kernel', [], 'The ground: clock, refusals, log, ids, pages.'],
  ['plans', [], 'Rates and plans are constants, which rules and prices read alike.'],
  ['db', ['kernel'], 'Connections and statements know no table.'],
  ['ledger/rules', ['plans', 'kernel'], 'The rules of credits can be read, and proved, without anything else.'],
  ['ledger', ground, 'The heart knows none of those who use it.'],
  ['billing-entities', ['ledger', ...ground], 'A new entity opens its account.'],
  ['secrets', ['billing-entities', 'ledger', ...ground], 'Sealed secrets at rest, whosever they are.'],
  [
    'api-keys',
    ['secrets', 'billing-entities', 'ledger', ...ground],
    'A key belongs to an entity, and its use is counted by the ledger.',
  ],
  // They meet in the ledger and never each other, so that each can be read, changed and tested alone.
  ...['alerts', 'credits', 'metering', 'subscriptions', 'usage'].map((room) => [
    room,
    [...(room === 'alerts' ? ['secrets'] : []), 'billing-entities', 'ledger', ...ground],
    'Neighbours on the ledger keep apart.',
  ]),
  ['jobs', ['db', 'kernel'], 'The queue runs tasks and does not know what they do.'],
  ['sessions', ['db', 'kernel'], 'Whose session it was does not matter once it has ended.'],
  ['live', ['ledger', ...ground], 'What is published is the ledger’s balances.'],
  [
    'stripe',
    ['credits', 'subscriptions', 'billing-entities', 'ledger', 'jobs', ...ground],
    'Stripe is followed and paid for; what it means is decided below.',
  ],
  ['persistence', ['jobs', 'sessions', 'stripe', ...domain], 'The one room that sees every table.'],
  [
    'services',
    ['persistence', 'live', 'jobs', 'sessions', 'stripe', ...domain],
    'Composes the domain, without the edges.',
  ],
  ['config', ['billing-entities', 'kernel'], 'Names settings in the words of those who read them.'],
  [
    'graphql',
    ['services', 'config', 'jobs', ...domain.filter((room) => room !== 'db')],
    'Resolvers translate: no query.',
  ],
  [
    'http',
    ['alerts', 'graphql', 'stripe', 'usage', 'api-keys', 'billing-entities', 'config', 'kernel'],
    'The roads in.',
  ],
  ['app', ['http', 'graphql', 'services', 'stripe', 'config', 'db', 'kernel'], 'The composition root.'],
];

const isIn = (names) => `^src/(${names.join('|')})(/|\\.ts$)`;
const roomRules = rooms.map(([room, others, why]) => ({
  name: `${room.replace('/', '-')}-keeps-to-its-line`,
  comment: why,
  severity: 'error',
  from: { path: isIn([room]) },
  to: { path: '^src/', pathNot: isIn([room, ...others]) },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...roomRules,
    {
      name: 'every-room-has-a-line',
      comment: 'A new folder imports nothing until somebody has decided where it stands.',
      severity: 'error',
      from: { path: '^src/', pathNot: isIn([...rooms.map(([room]) => room), 'cli', 'local']) },
      to: { path: '^src/' },
    },
    {
      name: 'no-cycles',
      comment:
        'Two files that need each other are one file, or three. A type counts: whoever reads one needs the other.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-cycles-of-folders',
      comment: 'Folders that need each other are one room with a wall in it.',
      severity: 'error',
      scope: 'folder',
      from: {},
      to: { circular: true },
    },
    {
      name: 'a-folder-stands-on-its-subfolders',
      comment:
        'The same for a folder and what is in it, where the rule above does not look: files on top use the subfolders, and these only each other.',
      severity: 'error',
      from: { path: '^(src/.+)/[^/]+/[^/]+$' },
      to: { path: '^$1/[^/]+$' },
    },
    {
      name: 'pure-core',
      comment:
        'The rules of credits and the replay are functions of account, command and time: no package, no I/O, not through anything else either.',
      severity: 'error',
      from: { path: '^src/ledger/(rules/|proof/replay\\.ts$)' },
      to: {
        reachable: true,
        path: '(^|/)node_modules/|^(node:)?(fs|net|http|https|dns|child_process|worker_threads|crypto|timers|process)(/|$)',
      },
    },
    {
      name: 'delivery-packages-stay-at-the-edge',
      comment: 'The domain serves GraphQL, HTTP and Stripe alike, and so speaks the language of none.',
      severity: 'error',
      from: { path: '^src/', pathNot: isIn(['graphql', 'http', 'cli']) },
      to: { path: '(^|/)node_modules/(graphql|graphql-ws|graphql-scalars|type-graphql|@apollo/server|fastify|ws)/' },
    },
    {
      name: 'only-stripe-knows-the-sdk',
      comment: 'Stripe’s objects become ours in one room.',
      severity: 'error',
      from: { path: '^src/', pathNot: isIn(['stripe']) },
      to: { path: '(^|/)node_modules/stripe/' },
    },
    {
      name: 'only-mail-knows-nodemailer',
      comment: 'Mails leave by one road, which knows what was taken.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/alerts/mail/' },
      to: { path: '(^|/)node_modules/nodemailer/' },
    },
    {
      name: 'memories-are-bounded-by-bytes',
      comment: 'What a process remembers has a bound that says how large the process may become.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/kernel/bounded-cache\\.ts$' },
      to: { path: '(^|/)node_modules/lru-cache/' },
    },
    {
      name: 'no-query-above-the-domain',
      comment: 'A statement stands in the room whose table it is about.',
      severity: 'error',
      from: { path: isIn(['app', 'config', 'graphql', 'http', 'kernel', 'plans']) },
      to: { path: '(^|/)node_modules/(pg|@mikro-orm/[^/]+)/' },
    },
    {
      name: 'the-ledger-writes-its-tables',
      comment:
        'An EntityManager could write whatever it knows the description of. Statements in SQL are held by a lint (scripts/lint-ledger-tables.mjs).',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(ledger/store|persistence)/' },
      to: { path: '^src/ledger/store/tables\\.entity\\.ts$' },
    },
    {
      name: 'packages-stand-alone',
      comment: 'A package is of use without the rest: it knows nothing of src, nor of the other packages.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^(src|migrations|tests|bench|scripts|packages)/', pathNot: '^packages/$1/' },
    },
    {
      name: 'only-local-mode-loads-packages',
      comment: 'An image has no packages: what is served from it must not need one. Types are not there when it runs.',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: isIn(['local']) },
      to: { path: '^packages/', dependencyTypesNot: ['type-only', 'type-import'] },
    },
    {
      name: 'resolvable',
      comment:
        'An import that leads nowhere is found here and not in production. What is generated for the portal imports a package of types alone.',
      severity: 'error',
      from: { pathNot: '^packages/portal/src/gql/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'local-mode-is-loaded-when-used',
      comment: 'An image has nothing that local mode stands on, so commands import() it where it is needed.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/local/' },
      to: { path: '^src/local/', dynamic: false, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'runtime-dependencies-only',
      comment: 'An image has no devDependencies. A page is bundled with all that it needs.',
      severity: 'error',
      from: { path: '^(src|migrations|packages/[^/]+/src)/', pathNot: '^packages/(graphiql|portal)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^packages/[^/]+/dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@tollgate/source', 'import', 'node', 'default', 'types'],
    },
  },
};
