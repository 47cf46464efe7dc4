// go run ask.go URL REQUEST.json: ask a tradesieve service about one trade.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"
)

type decision struct {
	Accept       bool
	Size         float64
	Detail, Hint string // of a refusal
}

func ask(url, path string) (answer decision, err error) {
	body, err := os.Open(path)
	if err != nil {
		return answer, err
	}
	defer body.Close()
	request, err := http.NewRequest("POST", url+"/v1/score", body)
	if err != nil {
		return answer, err
	}
	request.Header.Set("Content-Type", "application/json")
	if key := os.Getenv("TRADESIEVE_KEY"); key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	client := http.Client{Timeout: 2 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	err = json.NewDecoder(response.Body).Decode(&answer)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s; %s", answer.Detail, answer.Hint)
	}
	return answer, err
}

func main() {
	answer, err := ask(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // no answer, no trade
		os.Exit(1)
	}
	fmt.Println(answer.Accept, answer.Size)
}
