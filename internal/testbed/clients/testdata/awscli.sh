## make bucket
aws s3 mb s3://$B
aws s3api head-bucket --bucket $B
fails InvalidLocationConstraint aws s3api create-bucket --bucket $B-x --create-bucket-configuration LocationConstraint=eu-west-1
## list buckets
has $B aws s3 ls
has $B aws s3api list-buckets --prefix $B --max-items 5
## location
has None aws s3api get-bucket-location --bucket $B --output text
## put
aws s3 cp hello.txt s3://$B/hello.txt
aws s3 cp empty s3://$B/empty
aws s3api put-object --bucket $B --key raw --body hello.txt --content-type text/x-raw --metadata color=blue,size=3
## put odd keys
aws s3 cp "odd/$odd" "s3://$B/odd/$odd"
aws s3 cp odd/$utf s3://$B/odd/$utf
## put multipart
aws s3 cp --no-progress big s3://$B/big
has -3 aws s3api head-object --bucket $B --key big --query ETag
## put from a pipe
aws s3 cp - s3://$B/piped <hello.txt
## get
aws s3 cp s3://$B/hello.txt got && cmp got hello.txt
aws s3 cp s3://$B/empty got && cmp got empty
aws s3 cp s3://$B/big got && cmp got big
has hello aws s3 cp s3://$B/piped -
fails 404 aws s3 cp s3://$B/missing got
fails NoSuchKey aws s3api get-object --bucket $B --key missing got
## get odd keys
aws s3 cp "s3://$B/odd/$odd" got && cmp got "odd/$odd"
aws s3 cp s3://$B/odd/$utf got && cmp got odd/$utf
## get range
has 'bytes 1-3/6' aws s3api get-object --bucket $B --key hello.txt --range bytes=1-3 got
[ "$(cat got)" = ell ]
has PartsCount aws s3api get-object --bucket $B --key big --part-number 2 got
cmp got <(tail -c +8388609 big | head -c 8388608)
fails InvalidRange aws s3api get-object --bucket $B --key hello.txt --range bytes=100- got
## head
has '"color": "blue"' aws s3api head-object --bucket $B --key raw
has text/x-raw aws s3api head-object --bucket $B --key raw
fails 404 aws s3api head-object --bucket $B --key missing
aws s3api wait object-exists --bucket $B --key raw
## list
has 'PRE odd/' aws s3 ls s3://$B
has hello.txt aws s3 ls s3://$B/hel
has 'Total Objects' aws s3 ls --recursive --summarize --human-readable s3://$B
## list recursively
has "$odd" aws s3 ls --recursive s3://$B/odd/
has $utf aws s3api list-objects-v2 --bucket $B --prefix odd/ --page-size 1 --query 'Contents[].Key' --output text
has odd/ aws s3api list-objects --bucket $B --delimiter / --page-size 2 --query 'CommonPrefixes[].Prefix' --output text
has owner aws s3api list-objects-v2 --bucket $B --fetch-owner --start-after big --query 'Contents[0].[Key,Owner.ID && `owner`]' --output text
## copy
aws s3 cp s3://$B/hello.txt s3://$B/copy.txt
aws s3 cp "s3://$B/odd/$odd" "s3://$B/copied/$odd"
aws s3api copy-object --bucket $B --key meta --copy-source $B/raw --metadata-directive REPLACE --metadata color=red
has '"color": "red"' aws s3api head-object --bucket $B --key meta
aws s3 cp "s3://$B/copied/$odd" got && cmp got "odd/$odd"
## copy multipart
aws s3 cp --no-progress s3://$B/big s3://$B/big.copy
aws s3 cp --no-progress s3://$B/big.copy got && cmp got big
## move
aws s3 mv s3://$B/copy.txt s3://$B/moved.txt
fails 404 aws s3api head-object --bucket $B --key copy.txt
cp hello.txt gone && aws s3 mv gone s3://$B/moved2.txt && [ ! -e gone ]
aws s3 mv s3://$B/moved2.txt back.txt && cmp back.txt hello.txt
## sync
has upload: aws s3 sync --no-progress tree s3://$B/tree
quiet aws s3 sync --no-progress tree s3://$B/tree
aws s3 sync --no-progress s3://$B/tree down
quiet aws s3 sync --no-progress s3://$B/tree down
diff -r tree down
has copy: aws s3 sync --no-progress s3://$B/tree s3://$B/tree2
## mirror
rm -r down/d1 && has delete: aws s3 sync --no-progress --delete down s3://$B/tree
hasnt tree/d1/ aws s3 ls --recursive s3://$B/tree/
quiet aws s3 sync --no-progress --delete s3://$B/tree down
## presigned get
link=$(aws s3 presign --expires-in 600 "s3://$B/odd/$odd")
has "200 $(cat "odd/$odd")" url GET "$link"
has 403 url GET "${link/Signature=/Signature=0}"
has 404 url GET "$(aws s3 presign s3://$B/missing)"
