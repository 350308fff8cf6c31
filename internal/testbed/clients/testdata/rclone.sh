## make bucket
rclone mkdir t:$B
## list buckets
has $B rclone lsd t:
## put
rclone copyto hello.txt t:$B/hello.txt
rclone copyto empty t:$B/empty
rclone copyto --header-upload 'Content-Type: text/x-raw' --metadata-set color=blue --metadata hello.txt t:$B/raw
## put odd keys
rclone copyto "odd/$odd" "t:$B/odd/$odd"
rclone copyto odd/$utf t:$B/odd/$utf
## put multipart
rclone copyto --s3-upload-cutoff 8M big t:$B/big
rclone copyto huge t:$B/huge
## put from a pipe
rclone rcat t:$B/piped <hello.txt
## get
rclone copyto t:$B/hello.txt got && cmp got hello.txt
rclone copyto t:$B/empty got && cmp got empty
rclone copyto t:$B/huge got && cmp got huge
has hello rclone cat t:$B/piped
rclone copyto t:$B/missing got2 && [ ! -e got2 ] # what is absent is an empty directory to it
## get odd keys
rclone copyto "t:$B/odd/$odd" got && cmp got "odd/$odd"
rclone copyto t:$B/odd/$utf got && cmp got odd/$utf
## get range
[ "$(rclone cat --offset 1 --count 3 t:$B/hello.txt)" = ell ]
[ "$(rclone cat --tail 3 t:$B/hello.txt)" = lo ]
## head
has color rclone lsjson --stat --metadata t:$B/raw
has text/x-raw rclone lsjson --stat t:$B/raw
has b1946ac92492d2347c6235b4d2611184 rclone md5sum t:$B/hello.txt
## list
has odd rclone lsd t:$B
has hello.txt rclone ls --max-depth 1 t:$B
## list recursively
has "odd/$odd" rclone lsf -R --files-only t:$B
has "odd/$utf" rclone lsl t:$B
has 日本語 rclone tree t:$B
has "$odd" rclone lsf --fast-list -R t:$B
## disk usage
has 'Total objects' rclone size t:$B
## copy
rclone copyto t:$B/hello.txt t:$B/copy.txt
rclone copy t:$B/odd t:$B/copied
rclone check t:$B/odd t:$B/copied
rclone copyto "t:$B/copied/$odd" got && cmp got "odd/$odd"
## copy multipart
rclone copyto --s3-copy-cutoff 8M --s3-chunk-size 5M t:$B/big t:$B/big.copy
rclone copyto t:$B/big.copy got && cmp got big
## move
rclone moveto t:$B/copy.txt t:$B/moved.txt
hasnt copy.txt rclone lsf t:$B
rclone touch t:$B/touched
## sync
rclone sync tree t:$B/tree
has 'There was nothing to transfer' rclone sync -v tree t:$B/tree
rclone sync t:$B/tree down
has 'There was nothing to transfer' rclone sync -v t:$B/tree down
diff -r tree down
## check
rclone check tree t:$B/tree
rclone check --download tree t:$B/tree
rclone hashsum MD5 --output-file sums t:$B/tree && rclone checksum MD5 sums tree
echo changed >down/d0/f0
fails '1 differences found' rclone check down t:$B/tree
cp tree/d0/f0 down/d0/f0
## both ways
mkdir bi && cp hello.txt bi/
rclone mkdir t:$B/bi
rclone bisync --resync bi t:$B/bi
echo more >bi/more && rclone bisync bi t:$B/bi
has more rclone cat t:$B/bi/more
## mirror
rm -r down/d1 && rclone sync down t:$B/tree
hasnt d1 rclone lsf t:$B/tree
## dedupe
rclone dedupe --dedupe-mode newest t:$B/tree
## presigned get
link=$(rclone link --expire 10m "t:$B/odd/$odd")
has "200 $(cat "odd/$odd")" url GET "$link"
## tags of objects
rclone copyto --s3-no-head --header-upload 'x-amz-tagging: a=1' hello.txt t:$B/tagged
## ACLs
rclone copyto --s3-acl private hello.txt t:$B/acl.txt
## encryption
rclone copyto --s3-server-side-encryption AES256 hello.txt t:$B/sse.txt
[ "$(rclone cat t:$B/sse.txt)" = hello ]
rclone copyto --s3-sse-customer-algorithm AES256 --s3-sse-customer-key 01234567890123456789012345678901 big t:$B/ssec
rclone copyto --s3-sse-customer-algorithm AES256 --s3-sse-customer-key 01234567890123456789012345678901 t:$B/ssec got && cmp got big
## versioning
rclone mkdir t:$B-v
hasnt Enabled rclone backend versioning t:$B-v
has Enabled rclone backend versioning t:$B-v Enabled
rclone copyto hello.txt t:$B-v/k
rclone copyto empty t:$B-v/k
has k-v rclone lsf --s3-versions t:$B-v
rclone delete t:$B-v
rclone backend cleanup-hidden t:$B-v
rclone backend versioning t:$B-v Suspended
rclone purge t:$B-v
## multipart by hand
has $B rclone backend list-multipart-uploads t:$B
rclone backend cleanup -o max-age=1s t:$B
rclone cleanup t:$B
## remove
rclone deletefile t:$B/hello.txt
fails 'not found' rclone deletefile t:$B/hello.txt
## remove recursively
rclone delete t:$B/tree
rclone purge t:$B/odd
hasnt odd/ rclone lsf t:$B
## remove bucket
fails BucketNotEmpty rclone rmdir t:$B
rclone purge t:$B
hasnt $B/ rclone lsf t:
