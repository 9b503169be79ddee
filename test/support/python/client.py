"""Call any method of the service with Python's own gRPC stack and print what arrives as JSON lines.

    client.py ADDRESS outrider.v1.GenerateService/Generate '{"model": "big", "text": "Once"}'

Prints {"response": …} for every message, then one {"status": …} with the code's name, the message,
the decoded error details and the trailers. Ends with 0 whatever the status: judging it is the
caller's part. Messages are built from the committed descriptor set; nothing is generated.
"""

import argparse
import json
import pathlib
from typing import Any, Dict, List, Tuple

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from error_details import add_error_details

DESCRIPTORS = pathlib.Path(__file__).resolve().parents[3] / "server" / "descriptors.binpb"


class Schema:
    """Message classes and methods of a descriptor set."""

    def __init__(self, path: pathlib.Path) -> None:
        files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
        self.pool = descriptor_pool.DescriptorPool()
        self.methods: Dict[str, descriptor_pb2.MethodDescriptorProto] = {}
        for file in files.file:
            self.pool.Add(file)
            for service in file.service:
                for method in service.method:
                    self.methods[f"{file.package}.{service.name}/{method.name}"] = method
        add_error_details(self.pool)

    def message(self, name: str) -> Any:
        """The class of a message, by full name with or without a leading dot."""
        descriptor = self.pool.FindMessageTypeByName(name.lstrip("."))
        if hasattr(message_factory, "GetMessageClass"):
            return message_factory.GetMessageClass(descriptor)
        return message_factory.MessageFactory(self.pool).GetPrototype(descriptor)


def main() -> None:
    arguments = parse_arguments()
    schema = Schema(DESCRIPTORS)
    # A proxy of the environment is never meant for a service on this machine.
    options = [("grpc.enable_http_proxy", 0)]
    with open_channel(arguments, options) as channel:
        call = start(channel, schema, arguments)
        try:
            for count, response in enumerate(call, start=1):
                say({"response": to_json(response)})
                if count == arguments.cancel_after:
                    call.cancel()
        except grpc.RpcError:
            pass  # The status below tells the same and more.
        say({"status": status_of(call, schema)})


def open_channel(arguments: argparse.Namespace, options: List[Tuple[str, int]]) -> grpc.Channel:
    """A channel in plain text, or over TLS when an authority is named."""
    if arguments.tls_ca is None:
        return grpc.insecure_channel(arguments.address, options=options)
    pem = [path and pathlib.Path(path).read_bytes() for path in (arguments.tls_ca, arguments.tls_key, arguments.tls_cert)]
    credentials = grpc.ssl_channel_credentials(*pem)
    if arguments.api_key is not None:
        bearer = grpc.access_token_call_credentials(arguments.api_key)
        credentials = grpc.composite_channel_credentials(credentials, bearer)
    return grpc.secure_channel(arguments.address, credentials, options=options)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address")
    parser.add_argument("method", help="full name, for example outrider.v1.GenerateService/Generate")
    parser.add_argument("request", help="request as JSON")
    parser.add_argument("--timeout", type=float, help="deadline in seconds")
    parser.add_argument("--cancel-after", type=int, help="cancel after so many responses")
    parser.add_argument("--request-id", help="x-request-id to send")
    parser.add_argument("--tls-ca", help="authority of the server, PEM; turns TLS on")
    parser.add_argument("--tls-cert", help="own certificate, PEM")
    parser.add_argument("--tls-key", help="own private key, PEM")
    parser.add_argument("--api-key", help="bearer token; needs TLS")
    return parser.parse_args()


def start(channel: grpc.Channel, schema: Schema, arguments: argparse.Namespace) -> Any:
    """The call under way. A unary method is called as a stream of one: same bytes, one code path."""
    method = schema.methods[arguments.method]
    request = json_format.Parse(arguments.request, schema.message(method.input_type)())
    invoke = channel.unary_stream(
        "/" + arguments.method,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=schema.message(method.output_type).FromString,
    )
    metadata: List[Tuple[str, str]] = []
    if arguments.request_id is not None:
        metadata.append(("x-request-id", arguments.request_id))
    return invoke(request, timeout=arguments.timeout, metadata=metadata)


def status_of(call: Any, schema: Schema) -> Dict[str, Any]:
    """How the call ended."""
    trailers = call.trailing_metadata() or ()
    texts = {key: value for key, value in trailers if not key.endswith("-bin")}
    return {
        "code": call.code().name,
        "message": call.details(),
        "details": error_details(trailers, schema),
        "trailers": texts,
    }


def error_details(trailers: Any, schema: Schema) -> List[Dict[str, Any]]:
    """The status details that are among ours, each with its type."""
    found = []
    for key, value in trailers:
        if key != "grpc-status-details-bin":
            continue
        status = schema.message("google.rpc.Status").FromString(value)
        for packed in status.details:
            name = packed.type_url.split("/")[-1]
            if name in ("google.rpc.ErrorInfo", "google.rpc.BadRequest", "google.rpc.ResourceInfo"):
                detail = schema.message(name).FromString(packed.value)
                found.append({"type": name, **to_json(detail)})
            else:
                found.append({"type": name})
    return found


def to_json(message: Any) -> Dict[str, Any]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def say(line: Dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
