package admin

// eventScreens show what has happened.
var eventScreens []route
