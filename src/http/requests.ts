/** Facts about a request that the edge adds to it. */
import type { Principal } from '../billing-entities/principal.ts';
import type { Connections } from './connections.ts';
import type { Holder } from './unread-bytes.ts';

declare module 'fastify' {
  interface FastifyInstance {
    readonly connections: Connections;
  }

  interface FastifyRequest {
    /** The caller; null: anonymous, or the route does not ask. */
    principal: Principal | null;
    /** Whose answer it is, where that is not all strangers of the address. */
    holder: Holder | null;
    /** True: another route serves this path, by other methods. */
    isServedElsewhere: boolean;
    /** Stops counting the answer as unread. */
    release: (() => void) | null;
  }
}
