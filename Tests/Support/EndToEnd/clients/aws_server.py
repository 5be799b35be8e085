"""AWS as moto has it, which checks signatures from then on that a user with a key has been made. Prints its port and writes the
key as AWS's tools have it into DIRECTORY/credentials. With `open` it checks nothing: moto's roles cannot be signed for.

    aws_server.py DIRECTORY [open]
"""
import json
import os
import sys
import time
import urllib.request

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
url = "http://%s:%d" % (host, port)
common = dict(region_name="eu-central-1", endpoint_url=url, aws_access_key_id="a", aws_secret_access_key="b")
iam = boto3.client("iam", **common)
iam.create_user(UserName="certd")
policy = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Resource": "*",
    "Action": ["acm:ListCertificates", "acm:ListTagsForCertificate", "acm:GetCertificate", "acm:ImportCertificate",
               "acm:AddTagsToCertificate"]}]}
iam.put_user_policy(UserName="certd", PolicyName="deploy", PolicyDocument=json.dumps(policy))
key = iam.create_access_key(UserName="certd")["AccessKey"]
with open(os.path.join(sys.argv[1], "credentials"), "w") as file:
    file.write("[other]\naws_access_key_id = x\n[edge]\naws_access_key_id = %s\naws_secret_access_key=%s\n" % (
        key["AccessKeyId"], key["SecretAccessKey"]))
if sys.argv[2:] != ["open"]:
    request = urllib.request.Request(url + "/moto-api/reset-auth", data=b"0", method="POST", headers={"Content-Type": "text/plain"})
    urllib.request.urlopen(request).read()
print("port", port, flush=True)
while True:
    time.sleep(3600)
