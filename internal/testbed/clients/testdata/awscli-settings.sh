## put with checksums
for sum in CRC32 CRC32C SHA1 SHA256 CRC64NVME; do
	has Checksum$sum aws s3api put-object --bucket $B --key sum/$sum --body hello.txt --checksum-algorithm $sum
	has Checksum$sum aws s3api head-object --bucket $B --key sum/$sum --checksum-mode ENABLED
done
## put on condition
aws s3api put-object --bucket $B --key once --body hello.txt --if-none-match '*'
fails PreconditionFailed aws s3api put-object --bucket $B --key once --body hello.txt --if-none-match '*'
etag=$(aws s3api head-object --bucket $B --key once --query ETag --output text)
aws s3api put-object --bucket $B --key once --body empty --if-match "$etag"
fails PreconditionFailed aws s3api put-object --bucket $B --key once --body hello.txt --if-match "$etag"
## get on condition
fails 304 aws s3api get-object --bucket $B --key hello.txt --if-modified-since 2038-01-01 got
fails PreconditionFailed aws s3api get-object --bucket $B --key hello.txt --if-match abc got
## attributes
has '"TotalPartsCount": 3' aws s3api get-object-attributes --bucket $B --key big --object-attributes ETag ObjectParts ObjectSize StorageClass Checksum
has '"ObjectSize": 6' aws s3api get-object-attributes --bucket $B --key hello.txt --object-attributes ObjectSize
## multipart by hand
id=$(aws s3api create-multipart-upload --bucket $B --key parts --query UploadId --output text)
has $id aws s3api list-multipart-uploads --bucket $B
head -c 5242880 big >part
one=$(aws s3api upload-part --bucket $B --key parts --upload-id $id --part-number 1 --body part --query ETag --output text)
two=$(aws s3api upload-part-copy --bucket $B --key parts --upload-id $id --part-number 2 --copy-source $B/hello.txt --query CopyPartResult.ETag --output text)
has '"PartNumber": 2' aws s3api list-parts --bucket $B --key parts --upload-id $id
aws s3api complete-multipart-upload --bucket $B --key parts --upload-id $id --multipart-upload "Parts=[{PartNumber=1,ETag=$one},{PartNumber=2,ETag=$two}]"
aws s3 cp s3://$B/parts got && cmp got <(cat part hello.txt)
id=$(aws s3api create-multipart-upload --bucket $B --key parts --query UploadId --output text)
aws s3api abort-multipart-upload --bucket $B --key parts --upload-id $id
fails NoSuchUpload aws s3api list-parts --bucket $B --key parts --upload-id $id
## tags of objects
aws s3api put-object-tagging --bucket $B --key raw --tagging 'TagSet=[{Key=a,Value=1},{Key=b c,Value=é}]'
has '"b c"' aws s3api get-object-tagging --bucket $B --key raw
has '"TagCount": 2' aws s3api get-object --bucket $B --key raw got
aws s3api put-object --bucket $B --key tagged --body hello.txt --tagging 'k=v&x=y'
aws s3api delete-object-tagging --bucket $B --key raw
hasnt Key aws s3api get-object-tagging --bucket $B --key raw
## tags of buckets
fails NoSuchTagSet aws s3api get-bucket-tagging --bucket $B
aws s3api put-bucket-tagging --bucket $B --tagging 'TagSet=[{Key=team,Value=storage}]'
has storage aws s3api get-bucket-tagging --bucket $B
aws s3api delete-bucket-tagging --bucket $B
## ACLs
has FULL_CONTROL aws s3api get-bucket-acl --bucket $B
aws s3api put-bucket-ownership-controls --bucket $B --ownership-controls 'Rules=[{ObjectOwnership=ObjectWriter}]'
has ObjectWriter aws s3api get-bucket-ownership-controls --bucket $B
aws s3api put-public-access-block --bucket $B --public-access-block-configuration BlockPublicAcls=false,IgnorePublicAcls=false,BlockPublicPolicy=false,RestrictPublicBuckets=false
aws s3api put-object-acl --bucket $B --key raw --acl public-read
has AllUsers aws s3api get-object-acl --bucket $B --key raw
has "200 hello" url GET "$E/$B/raw"
aws s3 cp --acl public-read hello.txt s3://$B/public.txt
has "200 hello" url GET "$E/$B/public.txt"
aws s3api put-bucket-acl --bucket $B --acl authenticated-read
has AuthenticatedUsers aws s3api get-bucket-acl --bucket $B
aws s3api put-bucket-acl --bucket $B --acl private
aws s3api put-object-acl --bucket $B --key raw --acl private
has 403 url GET "$E/$B/raw"
## policy
fails NoSuchBucketPolicy aws s3api get-bucket-policy --bucket $B
aws s3api put-bucket-policy --bucket $B --policy '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::'$B'/sum/*"}]}'
has s3:GetObject aws s3api get-bucket-policy --bucket $B
has '"IsPublic": true' aws s3api get-bucket-policy-status --bucket $B
has "200 hello" url GET "$E/$B/sum/CRC32"
has 403 url GET "$E/$B/hello.txt"
aws s3api delete-bucket-policy --bucket $B
has 403 url GET "$E/$B/sum/CRC32"
## public access block
aws s3api put-public-access-block --bucket $B --public-access-block-configuration BlockPublicPolicy=true
has '"BlockPublicPolicy": true' aws s3api get-public-access-block --bucket $B
fails AccessDenied aws s3api put-bucket-policy --bucket $B --policy '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::'$B'/*"}]}'
aws s3api delete-public-access-block --bucket $B
## CORS
fails NoSuchCORSConfiguration aws s3api get-bucket-cors --bucket $B
aws s3api put-bucket-cors --bucket $B --cors-configuration '{"CORSRules":[{"AllowedMethods":["GET","PUT"],"AllowedOrigins":["https://*.example.com"],"AllowedHeaders":["*"],"MaxAgeSeconds":60}]}'
has example.com aws s3api get-bucket-cors --bucket $B
aws s3api delete-bucket-cors --bucket $B
## lifecycle
fails NoSuchLifecycleConfiguration aws s3api get-bucket-lifecycle-configuration --bucket $B
aws s3api put-bucket-lifecycle-configuration --bucket $B --lifecycle-configuration '{"Rules":[{"ID":"old","Status":"Enabled","Filter":{"Prefix":"logs/"},"Expiration":{"Days":30},"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":3}}]}'
has logs/ aws s3api get-bucket-lifecycle-configuration --bucket $B
aws s3api delete-bucket-lifecycle --bucket $B
## website
aws s3 website s3://$B --index-document index.html --error-document error.html
has index.html aws s3api get-bucket-website --bucket $B
aws s3api delete-bucket-website --bucket $B
fails NoSuchWebsiteConfiguration aws s3api get-bucket-website --bucket $B
## request payment, acceleration
has BucketOwner aws s3api get-bucket-request-payment --bucket $B
aws s3api get-bucket-accelerate-configuration --bucket $B
aws s3api put-bucket-request-payment --bucket $B --request-payment-configuration Payer=BucketOwner
## encryption
aws s3 cp --sse AES256 hello.txt s3://$B/sse.txt
has AES256 aws s3api head-object --bucket $B --key sse.txt
aws s3 cp s3://$B/sse.txt got && cmp got hello.txt
head -c 32 big >key.bin
aws s3 cp --no-progress --sse-c AES256 --sse-c-key fileb://key.bin big s3://$B/ssec
aws s3 cp --no-progress --sse-c AES256 --sse-c-key fileb://key.bin s3://$B/ssec got && cmp got big
fails 400 aws s3api head-object --bucket $B --key ssec
aws s3api put-bucket-encryption --bucket $B --server-side-encryption-configuration '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}'
has AES256 aws s3api get-bucket-encryption --bucket $B
has AES256 aws s3api put-object --bucket $B --key sse2.txt --body hello.txt
aws s3api delete-bucket-encryption --bucket $B
## storage classes
aws s3 cp --storage-class STANDARD_IA hello.txt s3://$B/cool
has STANDARD_IA aws s3api head-object --bucket $B --key cool
## versioning
aws s3 mb s3://$B-v
aws s3api put-bucket-versioning --bucket $B-v --versioning-configuration Status=Enabled
has Enabled aws s3api get-bucket-versioning --bucket $B-v
v1=$(aws s3api put-object --bucket $B-v --key k --body hello.txt --query VersionId --output text)
v2=$(aws s3api put-object --bucket $B-v --key k --body empty --query VersionId --output text)
[ "$v1" != "$v2" ]
aws s3api get-object --bucket $B-v --key k --version-id $v1 got && cmp got hello.txt
has '"DeleteMarker": true' aws s3api delete-object --bucket $B-v --key k
fails 404 aws s3 cp s3://$B-v/k got
has DeleteMarkers aws s3api list-object-versions --bucket $B-v --prefix k
marker=$(aws s3api list-object-versions --bucket $B-v --query 'DeleteMarkers[0].VersionId' --output text)
aws s3api delete-object --bucket $B-v --key k --version-id $marker
aws s3api copy-object --bucket $B-v --key k --copy-source "$B-v/k?versionId=$v1"
aws s3 cp s3://$B-v/k got && cmp got hello.txt
aws s3api put-bucket-versioning --bucket $B-v --versioning-configuration Status=Suspended
has Suspended aws s3api get-bucket-versioning --bucket $B-v
fails BucketNotEmpty aws s3api delete-bucket --bucket $B-v
## object lock
aws s3api create-bucket --bucket $B-l --object-lock-enabled-for-bucket
has Enabled aws s3api get-object-lock-configuration --bucket $B-l
v=$(aws s3api put-object --bucket $B-l --key k --body hello.txt --query VersionId --output text)
aws s3api put-object-retention --bucket $B-l --key k --retention Mode=GOVERNANCE,RetainUntilDate=2038-01-01T00:00:00Z
has GOVERNANCE aws s3api get-object-retention --bucket $B-l --key k
fails AccessDenied aws s3api delete-object --bucket $B-l --key k --version-id $v
aws s3api put-object-legal-hold --bucket $B-l --key k --legal-hold Status=ON
has ON aws s3api get-object-legal-hold --bucket $B-l --key k
fails AccessDenied aws s3api delete-object --bucket $B-l --key k --version-id $v --bypass-governance-retention
aws s3api put-object-legal-hold --bucket $B-l --key k --legal-hold Status=OFF
aws s3api delete-object --bucket $B-l --key k --version-id $v --bypass-governance-retention
aws s3api put-object-lock-configuration --bucket $B-l --object-lock-configuration '{"ObjectLockEnabled":"Enabled","Rule":{"DefaultRetention":{"Mode":"GOVERNANCE","Days":1}}}'
aws s3api put-object --bucket $B-l --key k --body hello.txt
has GOVERNANCE aws s3api head-object --bucket $B-l --key k
## notifications
aws s3api get-bucket-notification-configuration --bucket $B
## logging
aws s3api get-bucket-logging --bucket $B
