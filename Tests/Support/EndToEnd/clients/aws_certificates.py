"""What AWS Certificate Manager holds, read by boto3: one line of JSON for each certificate, with its tags.

    aws_certificates.py ENDPOINT CREDENTIALS PROFILE
"""
import json
import os
import sys

os.environ["AWS_SHARED_CREDENTIALS_FILE"] = sys.argv[2]
import boto3

acm = boto3.Session(profile_name=sys.argv[3]).client("acm", region_name="eu-central-1", endpoint_url=sys.argv[1])
kinds = ["RSA_2048", "EC_prime256v1", "EC_secp384r1"]
for entry in acm.list_certificates(Includes={"keyTypes": kinds})["CertificateSummaryList"]:
    arn = entry["CertificateArn"]
    tags = acm.list_tags_for_certificate(CertificateArn=arn).get("Tags", [])
    print(json.dumps({
        "arn": arn, "tags": {tag["Key"]: tag["Value"] for tag in tags},
        "leaf": acm.get_certificate(CertificateArn=arn)["Certificate"]}))
