// An HTTP service that accepts the current and the previous API key, so that callers change theirs when they like.
//
// Usage: go run . PORT. It reads /run/secrets/api_key_current and api_key_previous at each request.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"strongroom"
)

func main() {
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(serve)))
}

func serve(response http.ResponseWriter, request *http.Request) {
	valid, err := strongroom.ValidatePassword(request.Header.Get("X-Api-Key"), "api_key")
	switch {
	case err != nil:
		log.Print(err) // it says what to mend, and contains no value
		http.Error(response, "no keys", http.StatusInternalServerError)
	case valid:
		fmt.Fprintln(response, "welcome")
	default:
		http.Error(response, "unknown key", http.StatusUnauthorized)
	}
}
