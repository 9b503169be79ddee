"""The few google.rpc messages that error details are made of, described in code.

Debian has no package of their generated Python, and the service's own descriptor set does not hold
them, because details travel in a trailer and not in the contract.
"""

from typing import Optional

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool

Field = descriptor_pb2.FieldDescriptorProto


def add_error_details(pool: descriptor_pool.DescriptorPool) -> None:
    """Adds Status, ErrorInfo, BadRequest and ResourceInfo to a pool."""
    any_file = descriptor_pb2.FileDescriptorProto()
    any_pb2.DESCRIPTOR.CopyToProto(any_file)
    pool.Add(any_file)

    file = descriptor_pb2.FileDescriptorProto(
        name="error_details.proto",
        package="google.rpc",
        syntax="proto3",
        dependency=["google/protobuf/any.proto"],
    )
    status = file.message_type.add(name="Status")
    add_field(status, "code", 1, Field.TYPE_INT32)
    add_field(status, "message", 2)
    add_field(status, "details", 3, many=True, message=".google.protobuf.Any")

    error_info = file.message_type.add(name="ErrorInfo")
    add_field(error_info, "reason", 1)
    add_field(error_info, "domain", 2)
    add_field(error_info, "metadata", 3, many=True, message=".google.rpc.ErrorInfo.MetadataEntry")
    entry = error_info.nested_type.add(name="MetadataEntry")
    entry.options.map_entry = True
    add_field(entry, "key", 1)
    add_field(entry, "value", 2)

    bad_request = file.message_type.add(name="BadRequest")
    add_field(
        bad_request,
        "field_violations",
        1,
        many=True,
        message=".google.rpc.BadRequest.FieldViolation",
    )
    violation = bad_request.nested_type.add(name="FieldViolation")
    add_field(violation, "field", 1)
    add_field(violation, "description", 2)

    resource = file.message_type.add(name="ResourceInfo")
    add_field(resource, "resource_type", 1)
    add_field(resource, "resource_name", 2)
    add_field(resource, "owner", 3)
    add_field(resource, "description", 4)
    pool.Add(file)


def add_field(
    owner: descriptor_pb2.DescriptorProto,
    name: str,
    number: int,
    kind: int = Field.TYPE_STRING,
    many: bool = False,
    message: Optional[str] = None,
) -> None:
    """Adds one field; `message` names the type of a message field."""
    owner.field.add(
        name=name,
        number=number,
        type=Field.TYPE_MESSAGE if message else kind,
        type_name=message,
        label=Field.LABEL_REPEATED if many else Field.LABEL_OPTIONAL,
    )
