package bench

// What a pool knows about a function it knows by its code. So a function that
// no pool has seen must have code of its own, which the compiler makes for each
// pair of these types.
type (
	d0 [1]byte
	d1 [2]byte
	d2 [3]byte
	d3 [4]byte
	d4 [5]byte
	d5 [6]byte
	d6 [7]byte
	d7 [8]byte
	d8 [9]byte
	d9 [10]byte
	da [11]byte
	db [12]byte
	dc [13]byte
	dd [14]byte
	de [15]byte
	df [16]byte
)

// storeAs does what store does.
func storeAs[A, B any](c *cell) { c.value = answer }

func storesAs[A any]() []func(*cell) {
	return []func(*cell){
		storeAs[A, d0], storeAs[A, d1], storeAs[A, d2], storeAs[A, d3], storeAs[A, d4], storeAs[A, d5], storeAs[A, d6], storeAs[A, d7],
		storeAs[A, d8], storeAs[A, d9], storeAs[A, da], storeAs[A, db], storeAs[A, dc], storeAs[A, dd], storeAs[A, de], storeAs[A, df],
	}
}

// freshStores returns freshCount functions that do what store does, each with
// code of its own.
func freshStores() []func(*cell) {
	var all []func(*cell)
	for _, some := range [][]func(*cell){
		storesAs[d0](), storesAs[d1](), storesAs[d2](), storesAs[d3](), storesAs[d4](), storesAs[d5](), storesAs[d6](), storesAs[d7](),
		storesAs[d8](), storesAs[d9](), storesAs[da](), storesAs[db](), storesAs[dc](), storesAs[dd](), storesAs[de](), storesAs[df](),
	} {
		all = append(all, some...)
	}
	return all
}

const freshCount = 256
