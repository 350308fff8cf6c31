## make bucket
s5cmd mb s3://$B
s5cmd head s3://$B
## list buckets
has s3://$B s5cmd ls
## put
s5cmd cp hello.txt s3://$B/hello.txt
s5cmd cp empty s3://$B/empty
s5cmd cp --content-type text/x-raw --metadata color=blue hello.txt s3://$B/raw
## put odd keys
s5cmd cp --raw "odd/$odd" "s3://$B/odd/$odd"
s5cmd cp odd/$utf s3://$B/odd/$utf
## put multipart
s5cmd cp --part-size 5 big s3://$B/big
## put from a pipe
s5cmd pipe s3://$B/piped <hello.txt
## get
s5cmd cp s3://$B/hello.txt got && cmp got hello.txt
s5cmd cp s3://$B/empty got && cmp got empty
s5cmd cp --part-size 5 s3://$B/big got && cmp got big
has hello s5cmd cat s3://$B/piped
fails 404 s5cmd cp s3://$B/missing got
## get odd keys
s5cmd cp --raw "s3://$B/odd/$odd" got && cmp got "odd/$odd"
s5cmd cp s3://$B/odd/$utf got && cmp got odd/$utf
## head
has '"color":"blue"' s5cmd head s3://$B/raw
## list
has 'DIR' s5cmd ls s3://$B
has hello.txt s5cmd ls "s3://$B/hel*"
## list recursively
has "$odd" s5cmd ls "s3://$B/odd/*"
has "s3://$B/odd/$utf" s5cmd ls --show-fullpath "s3://$B/*"
## disk usage
has 'objects' s5cmd du --humanize "s3://$B/*"
## copy
s5cmd cp s3://$B/hello.txt s3://$B/copy.txt
s5cmd cp --raw "s3://$B/odd/$odd" "s3://$B/copied/$odd"
s5cmd cp --raw "s3://$B/copied/$odd" got && cmp got "odd/$odd"
## move
s5cmd mv s3://$B/copy.txt s3://$B/moved.txt
fails 'not found' s5cmd head s3://$B/copy.txt
## sync
has cp s5cmd sync tree/ s3://$B/tree/
quiet s5cmd sync tree/ s3://$B/tree/
s5cmd sync "s3://$B/tree/*" down/
quiet s5cmd sync "s3://$B/tree/*" down/
diff -r tree down
s5cmd sync "s3://$B/tree/*" s3://$B/tree2/
## mirror
rm -r down/d1 && has rm s5cmd sync --delete down/ s3://$B/tree/
hasnt d1/ s5cmd ls "s3://$B/tree/*"
## many commands
printf 'cp hello.txt s3://%s/run/%s\n' $B 1 $B 2 $B 3 >commands
s5cmd run commands
has run/2 s5cmd ls --show-fullpath "s3://$B/run/*"
## query
printf '{"a":1}\n' >doc.json
s5cmd cp doc.json s3://$B/doc.json
fails NotImplemented s5cmd select json --query 'SELECT * FROM S3Object' s3://$B/doc.json
## presigned get
link=$(s5cmd presign --expire 10m s3://$B/hello.txt)
has "200 hello" url GET "$link"
## ACLs
s5cmd cp --acl bucket-owner-full-control hello.txt s3://$B/acl.txt
## encryption
s5cmd cp --sse AES256 hello.txt s3://$B/sse.txt
[ "$(s5cmd cat s3://$B/sse.txt)" = hello ]
## storage classes
s5cmd cp --storage-class STANDARD_IA hello.txt s3://$B/cool
has STANDARD_IA s5cmd ls -s s3://$B/cool
## versioning
s5cmd mb s3://$B-v
s5cmd bucket-version --set Enabled s3://$B-v
has Enabled s5cmd bucket-version s3://$B-v
s5cmd cp hello.txt s3://$B-v/k
s5cmd cp empty s3://$B-v/k
s5cmd ls --all-versions s3://$B-v/k
v=$(s5cmd ls --all-versions s3://$B-v/k | awk '$3 == 6 {print $NF}')
s5cmd cp --version-id "$v" s3://$B-v/k got && cmp got hello.txt
s5cmd rm --all-versions "s3://$B-v/*"
s5cmd rb s3://$B-v
## remove
s5cmd rm s3://$B/hello.txt
fails 'not found' s5cmd head s3://$B/hello.txt
## remove recursively
has rm s5cmd rm "s3://$B/tree*" "s3://$B/odd/*"
## remove bucket
fails BucketNotEmpty s5cmd rb s3://$B
s5cmd rm "s3://$B/*"
s5cmd rb s3://$B
fails 404 s5cmd head s3://$B
