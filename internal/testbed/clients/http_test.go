package clients

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
)

// send sends a request without credentials and returns status and body.
func send(ctx context.Context, method, url, body string) (string, error) {
	return answer(ctx, method, url, "", strings.NewReader(body))
}

// sendForm sends a form with a file at its end.
func sendForm(ctx context.Context, url string, fields map[string]string, file string) (string, error) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			return "", err
		}
	}
	part, err := form.CreateFormFile("file", "name")
	if err != nil {
		return "", err
	}
	if _, err := io.WriteString(part, file); err != nil {
		return "", err
	}
	if err := form.Close(); err != nil {
		return "", err
	}
	return answer(ctx, http.MethodPost, url, form.FormDataContentType(), &b)
}

func answer(ctx context.Context, method, url, contentType string, body io.Reader) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return "", err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode, " ", string(text)), err
}
