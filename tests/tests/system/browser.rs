//! What is made for people with a browser, in a real one: the feed in a page of another origin, by the
//! very script of the README, and the page behind the link of a letter.

mod answering;
mod following;
mod page;
