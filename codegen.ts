import type { CodegenConfig } from '@graphql-codegen/cli';

/**
 * Types the portal's operations: `npm run codegen` writes packages/portal/src/gql, and `npm run check` fails when it is
 * stale. Documents stay strings, since nothing in the portal looks into them, and a string is a third of its tree.
 */
const config: CodegenConfig = {
  schema: 'schema/schema.graphql',
  documents: 'schema/operations/*.graphql',
  generates: {
    'packages/portal/src/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        enumsAsTypes: true,
        useTypeImports: true,
        defaultScalarType: 'unknown',
        scalars: {
          ID: 'string',
          Credits: 'number',
          SafeInt: 'number',
          DateTime: 'string',
          PlanCode: 'string',
          JSONObject: 'Record<string, unknown>',
        },
      },
    },
  },
};

export default config;
