/** What the edge knows besides what the client sent. */
import type { Principal } from '../billing-entities/principal.ts';
import type { Connections } from './connections.ts';
import type { Holder } from './unread-bytes.ts';

declare module 'fastify' {
  interface FastifyInstance {
    readonly connections: Connections;
  }

  interface FastifyRequest {
    /** Who asks; null: nobody who said so, or on a route that does not ask. */
    principal: Principal | null;
    /** Whose answer it is, where that is not all strangers of the address. */
    holder: Holder | null;
    /** Ends the counting of the answer as unread. */
    release: (() => void) | null;
  }
}
