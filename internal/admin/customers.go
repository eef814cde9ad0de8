package admin

// customerScreens show who the customers are, and what each is entitled to.
var customerScreens []route
