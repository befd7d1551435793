// Package docs holds tests of the documents: their links, the tests and scripts
// that they name, the words of the picture, how far down the README's table is, and
// that their Go compiles; and one of the comments of all tests.
package docs
