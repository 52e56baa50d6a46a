/** The actor and idempotency of commands that follow from the provider's state and are safe to repeat. */
export const BY_ITSELF = { actor: 'system', idempotency: null } as const;
