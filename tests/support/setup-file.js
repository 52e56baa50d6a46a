// type-graphql wants it before the first decorator runs.
import 'reflect-metadata';
