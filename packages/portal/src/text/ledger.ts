/** The words of the ledger page. */
export const ledger = {
  number: 'No.',
  kind: 'Kind',
  all: 'All kinds',
  by: 'By',
  change: 'Change',
  before: 'Before',
  after: 'After',
  empty: 'Nothing has changed the balance yet',
  emptyHint: 'Credits that come and go are entered here. This call uses some.',
  held: (n: string) => `held ${n}`,
  overage: (n: string) => `overage ${n}`,
  owed: (n: string) => `owed ${n}`,
  verifyTitle: 'Does it add up?',
  verify: 'Verify the ledger',
  verifying: 'Recomputing',
  verifyHint:
    'The server recomputes the balance from every entry since the beginning and compares it with the one that is shown.',
  proven: (entries: string, through: string) =>
    `The balance is proven: ${entries} entries were recomputed, through No. ${through}, and agree.`,
  disproven: (problems: string, entries: string) =>
    `${problems} problems were found in ${entries} entries. Send this page to whoever runs Tollgate.`,
} as const;
