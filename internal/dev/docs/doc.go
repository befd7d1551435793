// Package docs holds tests of the documents: their links, the words of the
// picture, and how far down a README its table is.
package docs
