"""Validates a state machine in Amazon States Language and runs it, with other people's code.

Usage: run_states.py MACHINE STORIES, a file each: the machine, and a JSON list of stories. Prints
{"problems": [...], "ends": [STATUS, ...]}; moto runs it in this process and reaches no network.
"""

import json
import pathlib
import sys
import time

import boto3
from moto import mock_aws
from statelint.linter import Linter

machine = pathlib.Path(sys.argv[1]).read_text()
stories = json.loads(pathlib.Path(sys.argv[2]).read_text())
LIMIT_S = 60


def end_of(client, execution):
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        found = client.describe_execution(executionArn=execution)
        if found["status"] == "SUCCEEDED":
            return json.loads(found["output"])["status"]
        if found["status"] != "RUNNING":
            return f"{found['status']}: {found.get('error')}"
        time.sleep(0.01)
    return "RUNNING"


with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
    client = boto3.client(
        "stepfunctions", "eu-south-1", aws_access_key_id="none", aws_secret_access_key="none"
    )
    arn = client.create_state_machine(
        name="order", definition=machine, roleArn="arn:aws:iam::123456789012:role/none"
    )["stateMachineArn"]
    executions = [
        client.start_execution(
            stateMachineArn=arn, name=f"story-{number}", input=json.dumps({"story": story})
        )["executionArn"]
        for number, story in enumerate(stories)
    ]
    ends = [end_of(client, execution) for execution in executions]

print(json.dumps({"problems": Linter.validate(json.loads(machine)), "ends": ends}))
