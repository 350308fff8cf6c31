## make bucket
s3cmd mb s3://$B
## list buckets
has s3://$B s3cmd ls
## info of bucket
has 'Location:' s3cmd info s3://$B
## put
s3cmd put hello.txt s3://$B/hello.txt
s3cmd put empty s3://$B/empty
s3cmd put --add-header=x-amz-meta-color:blue --mime-type=text/x-raw hello.txt s3://$B/raw
## put odd keys
s3cmd put "odd/$odd" "s3://$B/odd/$odd"
s3cmd put odd/$utf s3://$B/odd/$utf
## put multipart
s3cmd put --multipart-chunk-size-mb=5 big s3://$B/big
## put from a pipe
s3cmd put - s3://$B/piped <hello.txt
## get
s3cmd get --force s3://$B/hello.txt got && cmp got hello.txt
s3cmd get --force s3://$B/empty got && cmp got empty
s3cmd get --force s3://$B/big got && cmp got big
has hello s3cmd get s3://$B/piped -
fails 'does not exist' s3cmd get --force s3://$B/missing got
## get odd keys
s3cmd get --force "s3://$B/odd/$odd" got && cmp got "odd/$odd"
s3cmd get --force s3://$B/odd/$utf got && cmp got odd/$utf
## get the rest
head -c 5000000 big >rest
s3cmd get --continue s3://$B/big rest && cmp rest big
## head
has 'text/x-raw' s3cmd info s3://$B/raw
has 'x-amz-meta-color: blue' s3cmd info s3://$B/raw
## list
has 'DIR' s3cmd ls s3://$B
has hello.txt s3cmd ls s3://$B/hel
## list recursively
has "s3://$B/odd/$odd" s3cmd ls --recursive s3://$B/odd/
has s3://$B/odd/$utf s3cmd la --recursive
## disk usage
has objects s3cmd du s3://$B
## copy
s3cmd cp s3://$B/hello.txt s3://$B/copy.txt
s3cmd cp "s3://$B/odd/$odd" "s3://$B/copied/$odd"
s3cmd cp --recursive s3://$B/odd/ s3://$B/odd2/
s3cmd get --force "s3://$B/copied/$odd" got && cmp got "odd/$odd"
## copy multipart
s3cmd cp --multipart-chunk-size-mb=8 s3://$B/big s3://$B/big.copy
s3cmd get --force s3://$B/big.copy got && cmp got big
## modify
s3cmd modify --add-header=x-amz-meta-color:red s3://$B/raw
has 'x-amz-meta-color: red' s3cmd info s3://$B/raw
## move
s3cmd mv s3://$B/copy.txt s3://$B/moved.txt
hasnt copy.txt s3cmd ls s3://$B
## sync
has upload: s3cmd sync tree/ s3://$B/tree/
hasnt upload: s3cmd sync tree/ s3://$B/tree/
mkdir down
has download: s3cmd sync s3://$B/tree/ down/
hasnt download: s3cmd sync s3://$B/tree/ down/
diff -r tree down
has 'remote copy:' s3cmd sync s3://$B/tree/ s3://$B/tree2/
## mirror
rm -r down/d1 && has delete: s3cmd sync --delete-removed down/ s3://$B/tree/
hasnt /tree/d1/ s3cmd ls --recursive s3://$B/tree/
## multipart by hand
s3cmd multipart s3://$B
## presigned get
link=$(s3cmd signurl "s3://$B/odd/$odd" +600)
has "200 $(cat "odd/$odd")" url GET "$link"
has 403 url GET "${link/Signature=/Signature=0}"
## tags of objects
s3cmd settagging s3://$B/raw 'a=1&b=2'
has 'b' s3cmd gettagging s3://$B/raw
s3cmd deltagging s3://$B/raw
## tags of buckets
s3cmd settagging s3://$B 'team=storage'
has storage s3cmd gettagging s3://$B
s3cmd deltagging s3://$B
## ACLs
s3cmd setownership s3://$B ObjectWriter
s3cmd setacl --acl-public s3://$B/raw
has "200 hello" url GET "$E/$B/raw"
has '*anon*: READ' s3cmd info s3://$B/raw
s3cmd setacl --acl-private s3://$B/raw
has 403 url GET "$E/$B/raw"
s3cmd put --acl-public hello.txt s3://$B/public.txt
has "200 hello" url GET "$E/$B/public.txt"
s3cmd setacl --acl-public s3://$B
s3cmd setacl --acl-private --recursive s3://$B
## policy
echo '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::'$B'/odd/*"}]}' >policy.json
s3cmd setpolicy policy.json s3://$B
has s3:GetObject s3cmd info s3://$B
has 200 url GET "$E/$B/odd/%C3%BCn%C3%AF/%E6%97%A5%E6%9C%AC%E8%AA%9E.txt"
s3cmd delpolicy s3://$B
## CORS
echo '<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://example.com</AllowedOrigin></CORSRule></CORSConfiguration>' >cors.xml
s3cmd setcors cors.xml s3://$B
has example.com s3cmd info s3://$B
s3cmd delcors s3://$B
## lifecycle
echo '<LifecycleConfiguration><Rule><ID>old</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>' >lifecycle.xml
s3cmd setlifecycle lifecycle.xml s3://$B
has logs/ s3cmd getlifecycle s3://$B
s3cmd dellifecycle s3://$B
s3cmd expire --expiry-days=7 --expiry-prefix=tmp/ s3://$B
has tmp/ s3cmd getlifecycle s3://$B
s3cmd dellifecycle s3://$B
## website
s3cmd ws-create --ws-index=index.html --ws-error=error.html s3://$B
has index.html s3cmd ws-info s3://$B
s3cmd ws-delete s3://$B
## request payment, acceleration
s3cmd payer --requester-pays s3://$B
has Requester s3cmd info s3://$B
s3cmd payer s3://$B
## public access block
s3cmd setblockpublicaccess s3://$B BlockPublicPolicy
fails 403 s3cmd setpolicy policy.json s3://$B
s3cmd setblockpublicaccess s3://$B ''
## encryption
s3cmd put --server-side-encryption hello.txt s3://$B/sse.txt
has 'SSE:       AES256' s3cmd info s3://$B/sse.txt
s3cmd get --force s3://$B/sse.txt got && cmp got hello.txt
## storage classes
s3cmd put --storage-class=STANDARD_IA hello.txt s3://$B/cool
has STANDARD_IA s3cmd info s3://$B/cool
## versioning
s3cmd mb s3://$B-v
s3cmd setversioning s3://$B-v enable
has Enabled s3cmd info s3://$B-v
s3cmd setversioning s3://$B-v disable
has Suspended s3cmd info s3://$B-v
s3cmd rb s3://$B-v
## logging
s3cmd mb s3://$B-logs
s3cmd accesslog s3://$B
has 'Access logging' s3cmd accesslog --access-logging-target-prefix=s3://$B-logs/log- s3://$B
has $B-logs s3cmd accesslog s3://$B
s3cmd accesslog --no-access-logging s3://$B
## signature version 2
s3cmd --signature-v2 put "odd/$odd" "s3://$B/v2/$odd"
s3cmd --signature-v2 get --force "s3://$B/v2/$odd" got && cmp got "odd/$odd"
has v2/ s3cmd --signature-v2 ls s3://$B
s3cmd --signature-v2 put --multipart-chunk-size-mb=5 big s3://$B/v2/big
s3cmd --signature-v2 get --force s3://$B/v2/big got && cmp got big
s3cmd --signature-v2 del --recursive --force s3://$B/v2/
## virtual-host style
port=${PROXY##*:}
sed 's/^host_base.*/host_base = s3.test/; s/^host_bucket.*/host_bucket = %(bucket)s.s3.test/' ~/.s3cfg >virtual
printf 'proxy_host = 127.0.0.1\nproxy_port = %s\n' ${port%/} >>virtual
s3cmd -c virtual put "odd/$odd" "s3://$B/virtual/$odd"
s3cmd -c virtual get --force "s3://$B/virtual/$odd" got && cmp got "odd/$odd"
has "virtual/$odd" s3cmd -c virtual ls --recursive s3://$B
## remove
s3cmd del s3://$B/hello.txt
fails 404 s3cmd info s3://$B/hello.txt
## remove recursively
s3cmd del --recursive --force s3://$B/tree/
hasnt /tree/ s3cmd ls --recursive s3://$B
## remove bucket
fails BucketNotEmpty s3cmd rb s3://$B
s3cmd rb --recursive --force s3://$B
hasnt s3://$B/ s3cmd ls
s3cmd rb s3://$B-logs
