# syntax=docker/dockerfile:1

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/graphiql/package.json ./packages/graphiql/
COPY packages/portal/package.json ./packages/portal/
# With the optional dependencies: the compilers' and bundlers' own binaries are among them.
RUN npm ci
COPY tsconfig.json ./
COPY scripts ./scripts
COPY migrations ./migrations
COPY src ./src
# The pages alone: the other packages are for local mode, which no image has.
COPY packages/graphiql ./packages/graphiql
COPY packages/portal ./packages/portal
RUN npm run build

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Without them: a Node and an embedded PostgreSQL for every platform, which an image has no use for.
RUN npm ci --omit=dev --omit=optional

FROM node:24-slim
WORKDIR /app
ENV HOST=0.0.0.0 PORT=4000
COPY package.json ./
COPY scripts/tollgate.mjs ./scripts/
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/packages/portal/dist ./packages/portal/dist
USER node
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Every command: `docker compose run --rm tollgate ledger:verify`. Without a name, the server. The bounds of memory are
# those of `npm run serve`; docs/operations.md says why.
ENTRYPOINT ["node", "--max-semi-space-size=32", "--heap-growing-percent=40", "scripts/tollgate.mjs"]
CMD ["serve"]
