"""acme2certifier behind TLS on localhost:9444: certificate and key are the arguments."""
import ssl
import sys
from wsgiref.simple_server import make_server

from acme2certifier.share.acme2certifier_wsgi import application, get_handler_cls


def behind_tls(environ, start_response):
    environ["HTTP_X_FORWARDED_PROTO"] = "https"
    return application(environ, start_response)


server = make_server("127.0.0.1", 9444, behind_tls, handler_class=get_handler_cls())
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
