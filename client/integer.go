package client

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// integer is an integer as it is received: Kinde sends 0.0 where its description
// says integer. Null leaves it alone.
type integer int64

func (n *integer) UnmarshalJSON(data []byte) error {
	var number *json.Number
	if err := json.Unmarshal(data, &number); err != nil {
		return err
	}
	if number == nil {
		return nil
	}
	whole, fraction, _ := strings.Cut(number.String(), ".")
	v, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.Trim(fraction, "0") != "" {
		return fmt.Errorf("%s is not a whole number of 64 bits", number)
	}
	*n = integer(v)
	return nil
}
