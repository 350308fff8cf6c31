package s3

import "net/http"

// unbuilt are the operations of S3 that this build does not have: rows of the operation table without a handler, answered with 501 and their names. They come behind
// operations; whoever builds one takes its row from here. The names are those of AWS's model of the API.
func unbuilt() []operation {
	row := func(name, method string, l level, marker string) operation {
		return operation{name: name, method: method, level: l, marker: marker}
	}
	return []operation{
		row("CreateBucketMetadataConfiguration", http.MethodPost, onBucket, "metadataConfiguration"),
		row("CreateBucketMetadataTableConfiguration", http.MethodPost, onBucket, "metadataTable"),
		row("CreateSession", http.MethodGet, onBucket, "session"),
		row("DeleteBucketAnalyticsConfiguration", http.MethodDelete, onBucket, "analytics"),
		row("DeleteBucketIntelligentTieringConfiguration", http.MethodDelete, onBucket, "intelligent-tiering"),
		row("DeleteBucketInventoryConfiguration", http.MethodDelete, onBucket, "inventory"),
		row("DeleteBucketMetadataConfiguration", http.MethodDelete, onBucket, "metadataConfiguration"),
		row("DeleteBucketMetadataTableConfiguration", http.MethodDelete, onBucket, "metadataTable"),
		row("DeleteBucketMetricsConfiguration", http.MethodDelete, onBucket, "metrics"),
		row("DeleteBucketReplication", http.MethodDelete, onBucket, "replication"),
		row("GetBucketAbac", http.MethodGet, onBucket, "abac"),
		row("GetBucketAnalyticsConfiguration", http.MethodGet, onBucket, "analytics&id"),
		row("GetBucketIntelligentTieringConfiguration", http.MethodGet, onBucket, "intelligent-tiering&id"),
		row("GetBucketInventoryConfiguration", http.MethodGet, onBucket, "inventory&id"),
		row("GetBucketMetadataConfiguration", http.MethodGet, onBucket, "metadataConfiguration"),
		row("GetBucketMetadataTableConfiguration", http.MethodGet, onBucket, "metadataTable"),
		row("GetBucketMetricsConfiguration", http.MethodGet, onBucket, "metrics&id"),
		row("GetBucketReplication", http.MethodGet, onBucket, "replication"),
		row("ListBucketAnalyticsConfigurations", http.MethodGet, onBucket, "analytics"),
		row("ListBucketIntelligentTieringConfigurations", http.MethodGet, onBucket, "intelligent-tiering"),
		row("ListBucketInventoryConfigurations", http.MethodGet, onBucket, "inventory"),
		row("ListBucketMetricsConfigurations", http.MethodGet, onBucket, "metrics"),
		row("PutBucketAbac", http.MethodPut, onBucket, "abac"),
		row("PutBucketAnalyticsConfiguration", http.MethodPut, onBucket, "analytics"),
		row("PutBucketIntelligentTieringConfiguration", http.MethodPut, onBucket, "intelligent-tiering"),
		row("PutBucketInventoryConfiguration", http.MethodPut, onBucket, "inventory"),
		row("PutBucketMetricsConfiguration", http.MethodPut, onBucket, "metrics"),
		row("PutBucketReplication", http.MethodPut, onBucket, "replication"),
		row("UpdateBucketMetadataAnnotationTableConfiguration", http.MethodPut, onBucket, "metadataAnnotationTable"),
		row("UpdateBucketMetadataInventoryTableConfiguration", http.MethodPut, onBucket, "metadataInventoryTable"),
		row("UpdateBucketMetadataJournalTableConfiguration", http.MethodPut, onBucket, "metadataJournalTable"),

		row("DeleteObjectAnnotation", http.MethodDelete, onObject, "annotation"),
		row("GetObjectAnnotation", http.MethodGet, onObject, "annotation&annotationName"),
		row("GetObjectTorrent", http.MethodGet, onObject, "torrent"),
		row("ListObjectAnnotations", http.MethodGet, onObject, "annotation"),
		row("PutObjectAnnotation", http.MethodPut, onObject, "annotation"),
		row("RenameObject", http.MethodPut, onObject, "renameObject"),
		row("SelectObjectContent", http.MethodPost, onObject, "select"),
		row("UpdateObjectEncryption", http.MethodPut, onObject, "encryption"),
	}
}

// foreign reports whether a query parameter makes another operation of a request in a dialect of S3, so that it must not be passed over.
func foreign(name string) bool {
	switch name {
	case "annotations", "append", "defaultObjectAcl", "encryption-type":
		return true
	}
	return false
}
