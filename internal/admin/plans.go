package admin

// planScreens show what is sold.
var planScreens []route
