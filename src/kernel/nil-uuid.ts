/** The UUID of nobody and nothing, where a key needs a value (RFC 9562). */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000';
