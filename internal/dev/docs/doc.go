// Package docs holds tests of the documents: their links, the tests and scripts
// that they name, the words of the picture, and how far down the README's table is;
// and one of the comments of all tests.
package docs
