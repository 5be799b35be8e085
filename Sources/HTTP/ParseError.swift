/// Why a message was refused. A request is answered with `status` and the connection closed; a response of an
/// upstream with such an error is a bad gateway.
public enum ParseError: UInt8, Error, Sendable, BitwiseCopyable, CaseIterable {
  case bareLineFeed, malformedRequestLine, unsupportedVersion, malformedTarget, malformedMethod
  case malformedFieldName, spaceBeforeColon, obsoleteFolding, malformedFieldValue, missingColon
  case missingHost, repeatedHost, malformedHost
  case malformedContentLength, repeatedContentLength, lengthWithTransferEncoding
  case unsupportedTransferEncoding, chunkedNotFinal, transferEncodingInOldVersion
  case malformedChunkSize, malformedChunkEnd, chunkExtensionTooLong, malformedTrailer, forbiddenTrailer
  case headTooLarge, tooManyFields, targetTooLong, trailerTooLarge
  case malformedStatusLine, unsupportedExpectation, connectNotSupported

  /// The status code to answer a request with.
  public var status: Int {
    switch self {
    case .headTooLarge, .tooManyFields, .trailerTooLarge: 431
    case .targetTooLong: 414
    case .unsupportedVersion: 505
    case .unsupportedTransferEncoding: 501
    case .connectNotSupported: 405
    case .unsupportedExpectation: 417
    default: 400
    }
  }

  /// The reason in words, with the section that it offends.
  public var reason: StaticString {
    switch self {
    case .bareLineFeed: "a line ends with LF alone (RFC 9112 section 2.2)"
    case .malformedRequestLine: "malformed request line (RFC 9112 section 3)"
    case .unsupportedVersion: "unsupported HTTP version (RFC 9112 section 2.3)"
    case .malformedTarget: "malformed request target (RFC 9112 section 3.2)"
    case .malformedMethod: "malformed method (RFC 9110 section 9.1)"
    case .malformedFieldName: "malformed field name (RFC 9110 section 5.1)"
    case .spaceBeforeColon: "white space before the colon of a field (RFC 9112 section 5.1)"
    case .obsoleteFolding: "obsolete line folding (RFC 9112 section 5.2)"
    case .malformedFieldValue: "control character in a field value (RFC 9110 section 5.5)"
    case .missingColon: "field line without a colon (RFC 9112 section 5)"
    case .missingHost: "no Host field (RFC 9112 section 3.2)"
    case .repeatedHost: "more than one Host field (RFC 9112 section 3.2)"
    case .malformedHost: "malformed Host (RFC 9110 section 7.2)"
    case .malformedContentLength: "malformed Content-Length (RFC 9112 section 6.3)"
    case .repeatedContentLength: "more than one Content-Length (RFC 9112 section 6.3)"
    case .lengthWithTransferEncoding: "Content-Length beside Transfer-Encoding (RFC 9112 section 6.3)"
    case .unsupportedTransferEncoding: "transfer coding other than chunked (RFC 9112 section 6.1)"
    case .chunkedNotFinal: "Transfer-Encoding does not end in one chunked (RFC 9112 section 6.3)"
    case .transferEncodingInOldVersion: "Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)"
    case .malformedChunkSize: "malformed chunk size (RFC 9112 section 7.1)"
    case .malformedChunkEnd: "chunk data not followed by CRLF (RFC 9112 section 7.1)"
    case .chunkExtensionTooLong: "chunk extensions too long (RFC 9112 section 7.1.1)"
    case .malformedTrailer: "malformed trailer field (RFC 9112 section 7.1.2)"
    case .forbiddenTrailer: "field not allowed in trailers (RFC 9110 section 6.5.1)"
    case .headTooLarge: "header section too large"
    case .tooManyFields: "too many header fields"
    case .targetTooLong: "request target too long"
    case .trailerTooLarge: "trailer section too large"
    case .malformedStatusLine: "malformed status line (RFC 9112 section 4)"
    case .unsupportedExpectation: "unsupported expectation (RFC 9110 section 10.1.1)"
    case .connectNotSupported: "CONNECT is not supported"
    }
  }
}
