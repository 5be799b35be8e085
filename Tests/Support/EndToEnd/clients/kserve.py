"""Messages of KServe's gRPC service (Open Inference Protocol 2), as far as tests need them, without generated code."""


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def request(model, text, raw=False):
    tensor = field(1, "text_input") + field(2, "BYTES") + field(3, b"\x01")
    out = field(1, model) + field(3, "id-1") + field(4, field(1, "max_tokens") + field(2, field(2, 16)))
    if raw:
        data = text.encode()
        return out + field(5, tensor) + field(7, len(data).to_bytes(4, "little") + data)
    return out + field(5, tensor + field(5, field(8, text)))


def fields(message):
    """The fields of a message, by number: numbers and bytes."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = number()
        if tag & 7 == 0:
            found[tag >> 3] = number()
        else:
            assert tag & 7 == 2, tag
            length = number()
            assert at + length <= len(message)
            found.setdefault(tag >> 3, []).append(message[at:at + length])
            at += length
    return found
