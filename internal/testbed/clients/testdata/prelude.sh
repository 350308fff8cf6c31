# What the rows of every script may use. A row runs in a directory that all rows of a client share:
# hello.txt, empty, big (20 MiB), "odd/a b+c&d=e (1) 100%25 'q'.txt", odd/ünï/日本語.txt and tree/ with 30 files are there.
odd="a b+c&d=e (1) 100%25 'q'.txt"
utf=ünï/日本語.txt

# has TEXT COMMAND...: the command succeeds and prints TEXT.
has() {
	local out
	out=$("${@:2}" 2>&1) || { echo "$out"; echo "failed: ${*:2}"; return 1; }
	grep -qF -e "$1" <<<"$out" || { echo "no '$1' in the output of ${*:2}:"; echo "$out"; return 1; }
}

# hasnt TEXT COMMAND...: the command succeeds and does not print TEXT.
hasnt() {
	local out
	out=$("${@:2}" 2>&1) || { echo "$out"; echo "failed: ${*:2}"; return 1; }
	! grep -qF -e "$1" <<<"$out" || { echo "'$1' in the output of ${*:2}:"; echo "$out"; return 1; }
}

# quiet COMMAND...: the command succeeds and prints nothing.
quiet() {
	local out
	out=$("$@" 2>&1) || { echo "$out"; echo "failed: $*"; return 1; }
	[ -z "$out" ] || { echo "output of $*:"; echo "$out"; return 1; }
}

# fails TEXT COMMAND...: the command fails and prints TEXT.
fails() {
	local out
	! out=$("${@:2}" 2>&1) || { echo "succeeded: ${*:2}"; echo "$out"; return 1; }
	grep -qF -e "$1" <<<"$out" || { echo "no '$1' in what ${*:2} says:"; echo "$out"; return 1; }
}

# url METHOD URL [FILE] sends a request without credentials, FILE as its body, and prints status and body.
url() {
	python3 - "$@" <<-'PYTHON'
		import sys, urllib.error, urllib.request
		body = open(sys.argv[3], "rb").read() if len(sys.argv) > 3 else None
		try:
		    answer = urllib.request.urlopen(urllib.request.Request(sys.argv[2], data=body, method=sys.argv[1], headers={"Content-Type": ""}))
		except urllib.error.HTTPError as e:
		    answer = e
		print(answer.status, answer.read().decode())
	PYTHON
}

# form FILE COMMAND sends FILE as the curl command of a form says, which ends in -F file=@<FILE>.
form() {
	python3 - "$@" <<-'PYTHON'
		import shlex, sys, urllib.request
		body, words = b"", shlex.split(sys.argv[2].replace("<FILE>", "FILE"))
		for flag, field in zip(words, words[1:]):
		    if flag == "-F" and not field.startswith("file="):
		        name, _, value = field.partition("=")
		        body += f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
		file = open(sys.argv[1], "rb").read()
		body += b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + file + b"\r\n--b--\r\n"
		url = next(w for w in words if w.startswith("http"))
		urllib.request.urlopen(urllib.request.Request(url, data=body, headers={"Content-Type": "multipart/form-data; boundary=b"}))
	PYTHON
}
