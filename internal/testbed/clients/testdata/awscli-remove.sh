## remove
aws s3 rm s3://$B/hello.txt
fails 404 aws s3api head-object --bucket $B --key hello.txt
aws s3api delete-object --bucket $B --key was-never-there
has '"Key": "raw"' aws s3api delete-objects --bucket $B --delete 'Objects=[{Key=raw},{Key=meta}]'
## remove recursively
has delete: aws s3 rm --recursive --exclude 'tree/*' s3://$B
has tree/ aws s3 ls s3://$B
## remove bucket
fails BucketNotEmpty aws s3 rb s3://$B
aws s3 rb --force s3://$B
fails 404 aws s3api head-bucket --bucket $B
