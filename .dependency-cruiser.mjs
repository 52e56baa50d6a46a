/** Who may import whom. `npm run check` holds every import of src and packages to it; the reasons stand beside the rules. */

const domain = '^src/(ledger|metering|credits|usage|plans|billing-entities|api-keys|subscriptions|alerts)/';
const pureCore = '^src/ledger/(rules/|proof/replay\\.ts$)';
const stripePackage = '(^|/)node_modules/stripe/';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or three.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'pure-core',
      comment:
        'The rules of credits are a function of account, command and time: no I/O, not through anything else either.',
      severity: 'error',
      from: { path: pureCore },
      to: {
        reachable: true,
        path: '(^|/)node_modules/|^src/(config|db|graphql|http|live|jobs|stripe)/|^src/(app|kernel/log)\\.ts$',
      },
    },
    {
      name: 'pure-core-without-platform',
      comment: 'As above: nothing of Node either.',
      severity: 'error',
      from: { path: pureCore },
      to: {
        reachable: true,
        path: '^(node:)?(fs|net|http|https|dns|child_process|worker_threads|crypto|timers|process)(/|$)',
      },
    },
    {
      name: 'rules-import-rules',
      comment: 'The rules of credits know plans, the kernel and each other.',
      severity: 'error',
      from: { path: '^src/ledger/rules/' },
      to: { path: '^src/', pathNot: '^src/(ledger/rules|plans|kernel)/' },
    },
    {
      name: 'the-ledger-stands-below',
      comment: 'The heart knows the database, plans and the kernel; who uses it knows it.',
      severity: 'error',
      from: { path: '^src/ledger/' },
      to: { path: '^src/', pathNot: '^src/(ledger|db|plans|kernel)/' },
    },
    {
      name: 'neighbours-keep-apart',
      comment: 'What stands on the ledger knows it and the billing entities, and none of its neighbours.',
      severity: 'error',
      from: { path: '^src/(metering|credits|usage|subscriptions|alerts)/' },
      to: { path: '^src/', pathNot: '^src/($1|ledger|billing-entities|db|plans|kernel)/' },
    },
    {
      name: 'entities-and-keys-stand-on-the-ledger',
      severity: 'error',
      from: { path: '^src/(billing-entities|api-keys)/' },
      to: { path: '^src/', pathNot: '^src/($1|billing-entities|ledger|db|plans|kernel)/' },
    },
    {
      name: 'the-ground-imports-nothing-above-it',
      severity: 'error',
      from: { path: '^src/(db|kernel)/' },
      to: { path: '^src/', pathNot: '^src/(db|kernel)/' },
    },
    {
      name: 'domain-knows-no-delivery',
      comment: 'The domain serves GraphQL, HTTP and Stripe alike and knows none of them.',
      severity: 'error',
      from: { path: domain },
      to: { path: '^src/(graphql|http|stripe)/|^src/(app\\.ts$|cli/)' },
    },
    {
      name: 'domain-knows-no-delivery-packages',
      severity: 'error',
      from: { path: domain },
      to: { path: '(^|/)node_modules/(graphql|graphql-ws|graphql-scalars|type-graphql|@apollo/server|ws|stripe)/' },
    },
    {
      name: 'only-stripe-knows-the-sdk',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/stripe/' },
      to: { path: stripePackage },
    },
    {
      name: 'graphql-holds-no-query',
      comment: 'Resolvers translate: identity in, one service call, map out.',
      severity: 'error',
      from: { path: '^src/graphql/' },
      to: { path: '^src/(db|stripe)/|(^|/)node_modules/(pg|@mikro-orm/[^/]+)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'http-stays-at-the-edge',
      comment:
        'http/ knows graphql/ and the webhook route of stripe/; nobody but the composition root and local mode knows http/.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/http/|^src/(app\\.ts$|cli/|local/)' },
      to: { path: '^src/http/' },
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
      from: { path: '^(src|migrations)/', pathNot: '^src/local/' },
      to: { path: '^packages/', dependencyTypesNot: ['type-only', 'type-import'] },
    },
    {
      name: 'local-mode-is-loaded-when-used',
      comment: 'As above: what runs in an image loads a part of local mode by import(), when it needs one.',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: '^src/local/' },
      to: { path: '^src/local/', dynamic: false, dependencyTypesNot: ['type-only', 'type-import'] },
    },
    {
      name: 'nothing-imports-the-root',
      comment: 'The composition root sees all and is seen by none but the entry.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(cli|local)/' },
      to: { path: '^src/(app\\.ts$|cli/)' },
    },
    {
      name: 'runtime-dependencies-only',
      comment: 'An image has no devDependencies. A page is bundled with all that it needs.',
      severity: 'error',
      from: { path: '^(src|migrations|packages/[^/]+/src)/', pathNot: '^packages/graphiql/' },
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
