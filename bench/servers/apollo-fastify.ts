import { ApolloServer } from '@apollo/server';
import fastifyApollo, { fastifyApolloDrainPlugin } from '@as-integrations/fastify';
import Fastify from 'fastify';
import { announce } from './announce.ts';

// Stock Apollo on Fastify, as its documentation sets it up, answering a constant.
const fastify = Fastify();
const apollo = new ApolloServer({
  typeDefs: 'type Query { hello: String! }',
  resolvers: { Query: { hello: () => 'world' } },
  plugins: [fastifyApolloDrainPlugin(fastify)],
});
await apollo.start();
await fastify.register(fastifyApollo(apollo));
await fastify.listen({ port: 0, host: '127.0.0.1' });
announce(fastify.server);
