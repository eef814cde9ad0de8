// Package routes is all that is served: it puts the rooms' routes in one table
// ([All]) behind one door ([New]), and has the use cases do the work that the
// door asks for.
//
// The key decision: the rooms and the door meet here and nowhere else. So what
// holds for every route is tested here, over one table: that openapi.yaml
// describes it, that it asks for its scope, and, in the golden files under
// testdata, what it answers, on each database.
//
// Start reading at [All].
package routes
