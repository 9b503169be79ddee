/** A scripted server for tests of programs that use `@outrider/sdk`. */
export { type FakeOutrider, fakeOutrider } from './testing/fake-outrider.js';
export { type FakeGeneration, type FakeScript } from './testing/fake-script.js';
