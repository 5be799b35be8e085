/// Keys made once with the openssl command for these tests; they protect nothing.
enum KeySample: String {
  case sec1, pkcs1, encryptedPKCS8, encryptedTraditional, ed25519, x25519, empty, nonsense

  /// The sample as PEM; the cases, not the texts, are test arguments, so that no key is printed.
  var pem: [UInt8] {
    switch self {
    case .sec1: Array(Self.sec1Text.utf8)
    case .pkcs1: Array(Self.pkcs1Text.utf8)
    case .encryptedPKCS8: Array(Self.encryptedPKCS8Text.utf8)
    case .encryptedTraditional: Array(Self.encryptedTraditionalText.utf8)
    case .ed25519: Array(Self.ed25519Text.utf8)
    case .x25519: Array(Self.x25519Text.utf8)
    case .empty: []
    case .nonsense: Array("nonsense".utf8)
    }
  }

  private static let sec1Text = """
    -----BEGIN EC PARAMETERS-----
    BggqhkjOPQMBBw==
    -----END EC PARAMETERS-----
    -----BEGIN EC PRIVATE KEY-----
    MHcCAQEEIOHVTast7PTgjJzTasXVFTzJTSRxkYF84qO2cRpue08voAoGCCqGSM49
    AwEHoUQDQgAEkfpXEUa/R1liIC92AtYsT1Yvfzrr7NF9I7QO45tNpPp0Esd0kMhI
    YJdzT652xU2WW3XAx1t5Zv1S6h2qg8pOyA==
    -----END EC PRIVATE KEY-----
    """

  private static let pkcs1Text = """
    -----BEGIN RSA PRIVATE KEY-----
    MIIEpQIBAAKCAQEA6EAIAzatoWPKKkluqlCofI7B1CKw1OHE3ZOVLNngIVSym8QA
    0342AKN6dCOqTMk+8rPj5UOGlCbuI4o9tQ+ePVm/9rrAUb+lC6LPxKnHUvlU6y02
    TZ18u1guHH1+cAUKZY1LfyY3vpnUOh97TRjUYpEDeinSHw5mCUAgqFmim7l7pe/c
    oZ37T1qwN2oM7Z7tjMph6KmbBcCxFT6IIRNPJI6J1xd2CbXF9M0Z3C0reN0UPjTS
    Ep7UwUVne/gCz1VPwAqYDs0Hpmkunl8joh00AablWlcPW+asvrUMgIdB5T6kvZ/X
    JP9p/53vYiYoqnskKDPgQDN5rT1PdAE1X2RAiQIDAQABAoIBAAgkn+32P6iTdktS
    RMzi7sK4l1Iyny7voDaWo0SDJR52DkceMbCN/Hhm7aG0fcGbIsJhYqGvYutp4Vqh
    +7TlUHUyjY5UkO6s1gLDmXOknPEAqKS68pb5E8kBIqjBZlVTepWsmmjhtFL8qMTF
    ms34C2ZN/ahjCVN+bpRvc6sDbYtL01C+pRHR7r+oB/ARDognEpAEyx//Z64O0FiW
    qdfAmCHXTDlv4TjC0+5ivVuCAxCJxXO6rT9YLWpYTS82jEm7mv4rHaa9Lp7XbqoF
    Xbw/bw9NQcpPW8e9r/IFTu+CuzlrE0iRkiOhsrENF26JeZXSMHF3SWpia65SwpxG
    ZdIyNIECgYEA93xH61lHZqmrQzPW0hvPJ5cU0DPaZbOOR586OjvQZ+imfwMBnvq6
    ezdgcIuUNp1DkKK1hpihqwF0igbi/vvl6b2wazoVzN13QxuIHyJYRX44Rlawm77R
    c+s8R4kFJeM7F1edpO7mLWX6CVY05HEstqunUAT+SGWnLu+Ds3utFOkCgYEA8D2Q
    ykGPgM5yzwZS5gOGkmw/CEAflsCtsnHphJtd6hBHZsCKOf4r/lhWr8k/7rAFD/Io
    ycGwbcfeb2bjfk7G8Of0Z3xLO+V6fRKStrRC5r6EnT4pH+pi0PzsxRkw4mlBxUES
    9Wo82gfnZV+HQ/fSpB2QyqV5Lpjid+VJFB9RCqECgYEAwZz6CtX6tQdR065Phmp5
    IujgQI4AcwYI7mFURVCcF158OutYLk7K6zCEgye/WQapYBLa3qSz/buSt5TxqzfY
    Q4fB5/E2MuKjtd1pHapZ0mwPjH+vhPjAleZXb0NzwpNFnFpQG0NG0gdwmDNYB8u+
    hl49860kXfEg3OhGaXj9DFkCgYEAnzh+fL3kyP6KstDDInTVvLeHMwWkqfo7ZJgA
    p4V9QcLWP7B+LB9bsu+DTG/6MkxwnnflNoprTub3cifjwHOfgEyK/AcxqZnWi4xC
    tlpUOK+uHrTy9pcWNOJcXejrMDOIhp4xXXuypuI0J0if0pkt/t0leFkhLpPfDI1m
    2LJEuOECgYEA5bP2HrYxVRidNlq2qgTNHGVdprpVb3Zmuw7VNEepWmNTfXYdlt7k
    +qCFzX56g2rTO9wilkW/DHPj2NNV7+XemFyH6XtUERiav16vMRBIHL9wgucXfOO2
    c8vuoIEtef6oIlaLWTn+AyuyGiXZAzYEPsL5KSeMU8k2p5J3LDzGi6I=
    -----END RSA PRIVATE KEY-----
    """

  private static let encryptedPKCS8Text = """
    -----BEGIN ENCRYPTED PRIVATE KEY-----
    MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjjxar716/09gICCAAw
    DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEO3qQU1p9QGKOF93J3gmtoMEgZDi
    4TH2Pazgb2rwwws5+6AM8kULISo0+tonHmjzL4K3l2r/at8/bQPWtMK6juKCWrSA
    KsmZ7XXV34nts15FUeEBKTmnjHTj3jQACmF7ERpsnrFarbCFJoBo66D+WoIh/KSo
    k2wJS8DTGFZqSjKK4KFDOvi3mFA79C7PwZrilmQqW476o3pDhDAjgZvK4eqKZuM=
    -----END ENCRYPTED PRIVATE KEY-----
    """

  private static let encryptedTraditionalText = """
    -----BEGIN EC PRIVATE KEY-----
    Proc-Type: 4,ENCRYPTED
    DEK-Info: AES-128-CBC,33E12B6700C9E7939B9255F143003DB6

    ba7wh5QxGNHDiD5+gNzqU6l1AJar/54RInWWwmhutbC6/MxToI//2jxBk5OMqvTi
    ECPT9T1M1vWWZ2K0VkTDUgCcxfDnWSmlKkwj9QJG/zHnZE4rF7nwHRA5X3KK0Kh+
    pr/d+ZEyS8+2UrmT+BePVsbvyltfJN2k8CF6EYzUEe4=
    -----END EC PRIVATE KEY-----
    """

  private static let ed25519Text = """
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VwBCIEICsgRjXBw1H+S3/EWqbljeTFh2DmYDcXMwcAChplcYAs
    -----END PRIVATE KEY-----
    """

  private static let x25519Text = """
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VuBCIEIMBIucbGEdV2Rou7ko9YGjj5C1iW5VKRcI5R269QqlpU
    -----END PRIVATE KEY-----
    """

}
