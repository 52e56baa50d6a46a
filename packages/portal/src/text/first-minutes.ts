/** The words of the first minutes: trying use in the demo, and the first call of one's own. */
export const firstMinutes = {
  demo: {
    title: 'Try it: use some credits',
    hint: 'These are real calls of consumeCredits. You see this because Tollgate runs on your machine.',
    tokens: (units: string, credits: string) => `${units} tokens: ${credits}`,
    minute: (credits: string) => `A minute of compute: ${credits}`,
    untilRefused: 'Until it is refused',
    used: (credits: string, left: string) => `${credits} were used. ${left} are left.`,
    usedAndRefused: (credits: string) => `${credits} were used before that.`,
    notRefused: (credits: string) => `${credits} were used, and nothing was refused: overage is allowed.`,
  },
  call: {
    kinds: { curl: 'curl', typescript: 'TypeScript', graphiql: 'GraphiQL' },
    languages: 'The first call',
    token: 'TOLLGATE_TOKEN is one of your API keys.',
    toKeys: 'Make a key',
    openGraphiql: 'Open in GraphiQL',
    graphiqlHint: 'It runs there as you: press the arrow to send it.',
  },
} as const;
