//! The restaurant never answers. Nobody sleeps ten minutes: orders runs inside this test, with a
//! clock that is moved by hand.
